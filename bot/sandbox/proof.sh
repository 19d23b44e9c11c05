# Runs inside a sandbox, from stdin. Prints `name value` lines; Python judges them. Set before this text:
#   gateway='HOST PORT'   patience=SECONDS_FOR_IT   closed=('NAME HOST PORT' …)   seconds=SECONDS_FOR_THEM   version=WANTED_OR_EMPTY

IFS= read -r line </proc/version && echo "kernel $line"
echo "uid $EUID"
while read -r key value _; do
  [[ $key == CapEff: || $key == NoNewPrivs: ]] && echo "${key%:} $value"
done </proc/self/status
while read -r _ target _ options _; do
  [[ $target == / ]] && echo "root ${options%%,*}"
done </proc/self/mounts
for path in /var/run/secrets/kubernetes.io /run/secrets/kubernetes.io; do
  [[ -e $path ]] && echo "token $path"
done
[[ -w $HOME ]] && echo "home writable"
mapfile -d '' -t first </proc/1/cmdline
echo "first ${first[*]}"

# Whether a TCP connection comes about. A refusal is none: some networks refuse what others drop.
probe() {
  { : <>"/dev/tcp/$2/$3"; } 2>/dev/null && echo "reached $1 $2 $3"
}
[[ -n ${KUBERNETES_SERVICE_HOST-} ]] && closed+=("api-service $KUBERNETES_SERVICE_HOST ${KUBERNETES_SERVICE_PORT-443}")
# shellcheck disable=SC2086 # three words
probe gateway $gateway &
reaching=$!
probes=()
for peer in "${closed[@]}"; do
  # shellcheck disable=SC2086
  probe $peer &
  probes+=($!)
done
# The others get their time after the gateway has answered: on a machine that is too busy to connect, that proves nothing else.
{ sleep "$patience"; kill "$reaching"; } >/dev/null 2>&1 &
wait "$reaching"
{ sleep "$seconds"; kill "${probes[@]}"; } >/dev/null 2>&1 &
wait "${probes[@]}"
if [[ -n $version ]]; then
  while read -r first second value _; do
    [[ $first == Client && $second == Version: ]] && echo "kubectl $value"
  done < <(timeout 5 kubectl version --client 2>/dev/null)
fi
echo "done"
