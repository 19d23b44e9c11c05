#!/usr/bin/env bash
# Installs the Debian packages that are missing: packages.sh [tests]. Without root it only names them.
# The demo needs no browser of its own, and its page should be up within a minute.
set -eu
cd "$(dirname "$0")/.."

wanted="python3-venv openssl curl iproute2 nftables runc procps kmod mount ca-certificates"
[ "${1:-}" = tests ] && wanted="$wanted jq chromium fonts-dejavu-core fonts-noto-color-emoji postgresql"
command -v dpkg-query >/dev/null || { echo "note: not a Debian or Ubuntu machine; install yourself: $wanted" >&2; exit 0; }

missing=""
for package in $wanted; do
  # The interpreter in use may bring its own venv module.
  [ "$package" = python3-venv ] && python3 -c 'import venv, ensurepip' 2>/dev/null && continue
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then run=""; elif command -v sudo >/dev/null; then run=sudo; else
  echo "note: not root, so these packages are not installed:$missing" >&2; exit 0
fi
echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq
case " $missing " in *" postgresql "*)
  # The tests start a server of their own: Debian's, which would be made and started at once, is not wanted.
  clusters=/etc/postgresql-common/createcluster.conf
  if [ ! -e "$clusters" ]; then
    $run apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
    $run sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' "$clusters"
  fi
esac
$run apt-get install -y -qq --no-install-recommends $missing >/dev/null
