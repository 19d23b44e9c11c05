# Runs in the sandbox after a line `namespace=…`; empty means all namespaces. Two kubectl calls, plus one per crashing container.
set -u
scope=(--all-namespaces)
where="all namespaces"
if [ -n "$namespace" ]; then
  scope=("--namespace=$namespace")
  where="namespace $namespace"
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

kinds=deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,pods,services,persistentvolumeclaims,nodes
kubectl get "$kinds" "${scope[@]}" -o json >"$dir/objects" 2>"$dir/objects.err" &
kubectl get events --field-selector=type=Warning "${scope[@]}" -o json >"$dir/events" 2>"$dir/events.err" &
wait
for file in objects events; do
  [ -s "$dir/$file" ] || echo '{"items":[]}' >"$dir/$file"
done
grep -hv '^E[0-9]\{4\} ' "$dir/objects.err" "$dir/events.err" | sort -u | head -n 8 | cut -c1-300 >"$dir/errors" # without klog's own lines
if [ -s "$dir/errors" ] && [ "$(jq '.items | length' "$dir/objects")" -eq 0 ]; then
  echo "Nothing in $where could be looked at:"
  sed 's/^/    /' "$dir/errors"
  exit 1
fi

cat >"$dir/triage.jq" <<'JQ'
def time: sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601;
def span: floor | if . < 0 then "0s" elif . < 120 then "\(.)s" elif . < 7200 then "\(. / 60 | floor)m"
  elif . < 172800 then "\(. / 3600 | floor)h" else "\(. / 86400 | floor)d" end;
def since: if . then ", since " + (now - time | span) else "" end;
def line: gsub("\\s+"; " ") | if length > 220 then .[:220] + "…" else . end;
def id: .kind + " " + (if .metadata.namespace then .metadata.namespace + "/" else "" end) + .metadata.name;
def condition($type): first(.status.conditions[]? | select(.type == $type)) // {};
def owner: (first(.metadata.ownerReferences[]? | select(.controller)) // null)
  | if . == null then "" elif .kind == "ReplicaSet" then "Deployment " + (.name | sub("-[a-z0-9]+$"; "")) else .kind + " " + .name end;

def container_problem:
  (.restartCount // 0) as $restarts
  | (if $restarts > 0 then ", \($restarts) restarts" else "" end) as $again
  | (.lastState.terminated // null) as $last
  | (if $last then ", last exit \($last.exitCode) (\($last.reason // "?")) \(($last.finishedAt // "" | if . == "" then "?" else now - time | span end)) ago"
     else "" end) as $exit
  | if .state.waiting then
      (.state.waiting.reason // "waiting") as $reason
      | if $reason == "ContainerCreating" or $reason == "PodInitializing" then null
        else "container \(.name): \($reason)\($again)\($exit)"
          + (if $last or (.state.waiting.message // "") == "" then "" else ": " + (.state.waiting.message | line) end) end
    elif .state.terminated and .state.terminated.exitCode != 0 then
      "container \(.name): exited with \(.state.terminated.exitCode) (\(.state.terminated.reason // "?"))\($again)"
    elif .state.running and (.ready | not) then "container \(.name): running but not ready\($again)\($exit)"
    elif $last and $last.reason == "OOMKilled" then "container \(.name): running\($again)\($exit)"
    else null end;

def pod_problems:
  if .status.phase == "Succeeded" then empty
  elif .metadata.deletionTimestamp then
    (if now - (.metadata.deletionTimestamp | time) > 60 then "does not end, deleted " + (now - (.metadata.deletionTimestamp | time) | span) + " ago" else empty end)
  else
    (condition("PodScheduled") | select(.status == "False") | "not scheduled\(.lastTransitionTime | since): \(.message // .reason // "?" | line)"),
    (if .status.phase == "Failed" then "failed: \(.status.reason // "") \(.status.message // "" | line)" else empty end),
    ((.status.initContainerStatuses[]?, .status.containerStatuses[]?) | container_problem // empty)
  end;

def workload_problem:
  if .kind == "Deployment" then
    (.spec.replicas // 1) as $want | (.status.readyReplicas // 0) as $ready | condition("Progressing") as $progress | condition("ReplicaFailure") as $failure
    | if $failure.status == "True" then "\($ready)/\($want) ready\($failure.lastTransitionTime | since): \($failure.message // $failure.reason | line)"
      elif $progress.status == "False" then "\($ready)/\($want) ready, rollout stuck (\($progress.reason))\($progress.lastUpdateTime | since)"
      elif $ready < $want then "\($ready)/\($want) ready\(condition("Available") | select(.status == "False") | .lastTransitionTime | since)"
      elif (.status.updatedReplicas // 0) < $want then "\($ready)/\($want) ready, only \(.status.updatedReplicas // 0) of the new version\($progress.lastUpdateTime | since)"
      elif (.status.unavailableReplicas // 0) > 0 then "\($ready)/\($want) ready, rollout not finished: \(.status.unavailableReplicas) pods not available\($progress.lastUpdateTime | since)"
      else null end
  elif .kind == "StatefulSet" then
    if (.status.readyReplicas // 0) < (.spec.replicas // 1) then "\(.status.readyReplicas // 0)/\(.spec.replicas // 1) ready" else null end
  elif .kind == "DaemonSet" then
    if (.status.numberReady // 0) < (.status.desiredNumberScheduled // 0) then "\(.status.numberReady // 0)/\(.status.desiredNumberScheduled) ready" else null end
  elif .kind == "Job" then
    condition("Failed") | if .status == "True" then "failed\(.lastTransitionTime | since): \(.message // .reason | line)" else null end
  elif .kind == "PersistentVolumeClaim" then
    if .status.phase != "Bound" then "\(.status.phase // "?")\(.metadata.creationTimestamp | since)" else null end
  elif .kind == "Node" then
    [ (condition("Ready") | select(.status != "True") | "not ready\(.lastTransitionTime | since): \(.message // .reason // "?" | line)"),
      (.status.conditions[]? | select((.type | endswith("Pressure")) and .status == "True") | "\(.type)\(.lastTransitionTime | since)"),
      (if .spec.unschedulable then "cordoned" else empty end) ] | if length > 0 then join("; ") else null end
  else null end;

def service_problem($pods):
  .metadata.namespace as $ns | (.spec.selector // {}) as $selector
  | if ($selector | length) == 0 or .spec.type == "ExternalName" then null
    else
      [$pods[] | select(.metadata.namespace == $ns) | select((.metadata.labels // {}) as $labels | $selector | to_entries | all(.value == $labels[.key]))] as $hit
      | ($selector | to_entries | map(.key + "=" + .value) | join(",")) as $words
      | if ($hit | length) == 0 then "no endpoints: selector \($words) matches no pod"
        elif ([$hit[] | condition("Ready") | select(.status == "True")] | length) == 0 then "no ready endpoints: none of \($hit | length) pods of selector \($words) is ready"
        else null end
    end;

($objects[0].items // []) as $all
| [$all[] | select(.kind == "Pod")] as $pods
| [$pods[] | {id: ("Pod " + (.metadata.namespace + "/") + .metadata.name), owner: owner, ns: .metadata.namespace, problems: [pod_problems]} | select(.problems | length > 0)] as $sick
| [$all[] | select(.kind != "Pod" and .kind != "Service") | {id: id, key: (.kind + " " + .metadata.name), ns: (.metadata.namespace // ""), problem: workload_problem}] as $work
| [$all[] | select(.kind == "Service") | {id: id, problem: service_problem($pods)}] as $services
| [$work[] | select(.problem) | "\(.ns) \(.key)"] as $named
| [ ($work[] | select(.problem) | . as $w | "\(.id): \(.problem)",
      ($sick[] | select(.ns == $w.ns and .owner == $w.key) | .id as $pod | .problems[] | "    \($pod): \(.)")),
    ($sick[] | select("\(.ns) \(.owner)" as $k | $named | index($k) | not) | .id as $pod | .problems[] | "\($pod): \(.)"),
    ($services[] | select(.problem) | "\(.id): \(.problem)") ] as $lines
| [$lines[] | select(startswith("    ") | not)] as $found
| (if ($all | length) == 0 then "Nothing was found in \($where)."
   elif ($found | length) == 0 then "No problems found in \($where)."
   else "\($found | length) problems in \($where):" end),
  $lines[],
  "",
  (([$work[], $services[]] | map(select(.problem == null and (.id | test("^(Deployment|StatefulSet|DaemonSet|Service|Node) ")))) | map(.id)) as $well
   | if ($well | length) == 0 then empty elif ($well | length) > 40 then "Healthy: \($well | length) workloads, services and nodes"
     else "Healthy: " + ($well | join(", ")) end),
  "Last warnings:",
  ([($events[0].items // [])[]
    | {at: (.series.lastObservedTime // .lastTimestamp // .eventTime // .metadata.creationTimestamp), count: (.series.count // .count // 1),
       object: "\(.involvedObject.kind) \(.involvedObject.namespace // "")/\(.involvedObject.name)", reason: (.reason // "?"), message: (.message // "" | line)}
    | select(.at) | .at |= time]
   | group_by([.object, .reason]) | map({count: (map(.count) | add)} + (max_by(.at) | del(.count)))
   | sort_by(-.at) | .[:10]
   | if length == 0 then "  none" else .[] | "  \(now - .at | span) ago ×\(.count) \(.object) \(.reason): \(.message)" end)
JQ
jq -nr --slurpfile objects "$dir/objects" --slurpfile events "$dir/events" --arg where "$where" -f "$dir/triage.jq" || exit 1

# What the crashed containers said last: three of them at most. One that has just ended has its words in its current log.
jq -r '[.items[] | select(.kind == "Pod" and (.metadata.deletionTimestamp | not)) | . as $pod | .status.containerStatuses[]?
    | select(.ready | not) | select(.lastState.terminated or ((.state.terminated.exitCode // 0) != 0))
    | "\($pod.metadata.namespace) \($pod.metadata.name) \(.name) \(if .state.running then "--previous" else "--previous=false" end)"] | .[:3][]' \
  "$dir/objects" >"$dir/crashed"
number=0
while read -r ns pod container which; do
  number=$((number + 1))
  {
    echo
    echo "Last lines of $ns/$pod, container $container, before it ended:"
    kubectl logs "--namespace=$ns" "$pod" "--container=$container" "$which" --tail=5 2>&1 | cut -c1-300 | sed 's/^/    /'
  } >"$dir/log.$number" &
done <"$dir/crashed"
wait
cat "$dir"/log.* 2>/dev/null

if [ -s "$dir/errors" ]; then
  echo
  echo "Could not be looked at:"
  sed 's/^/    /' "$dir/errors"
fi
exit 0
