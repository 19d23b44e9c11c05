"""Enforces NetworkPolicies with nftables: ``python3 -m tests.cluster.enforcer PKI``. A stand-in for a CNI that does.

Watches namespaces, pods and policies as user system:kas-netpol and replaces table ``ip kas-netpol`` when the rules
differ, at most five times a second. If it dies, the last rules stay, and pods that come later may send nothing.
"""

import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.cluster import policies
from tests.cluster.layout import API_PORT, BRIDGE_ADDRESS

_COLLECTIONS = ("/api/v1/namespaces", "/api/v1/pods", "/apis/networking.k8s.io/v1/networkpolicies")
_WATCH_SECONDS = 300
_PAUSE_SECONDS = 0.2
_RETRY_SECONDS = 0.5


class _Cache:
    """What the API server last said, by collection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, Any]] = {}
        self._changed = threading.Event()

    def replace(self, collection: str, objects: dict[str, Any]) -> None:
        with self._lock:
            self._objects[collection] = objects
        self._changed.set()

    def update(self, collection: str, event: dict[str, Any]) -> None:
        uid = event["object"]["metadata"]["uid"]
        with self._lock:
            if event["type"] == "DELETED":
                self._objects[collection].pop(uid, None)
            else:
                self._objects[collection][uid] = event["object"]
        self._changed.set()

    def wait(self) -> list[list[Any]] | None:
        """Wait for a change; the objects of every collection, or nothing while one was never listed."""
        self._changed.wait()
        self._changed.clear()
        with self._lock:
            if len(self._objects) < len(_COLLECTIONS):
                return None
            return [list(self._objects[collection].values()) for collection in _COLLECTIONS]

    def touch(self) -> None:
        self._changed.set()


def main() -> None:
    pki = Path(sys.argv[1])
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "netpol.crt", pki / "netpol.key")
    cache = _Cache()
    for collection in _COLLECTIONS:
        threading.Thread(target=_follow, args=(cache, collection, context), daemon=True).start()
    applied = ""
    while True:
        objects = cache.wait()
        if objects is not None:
            rules = policies.render(*objects)
            if rules != applied and _apply(rules):
                applied = rules
            elif rules != applied:
                cache.touch()
        time.sleep(_PAUSE_SECONDS)


def _follow(cache: _Cache, collection: str, context: ssl.SSLContext) -> None:
    """List, then watch; after any error or end, list again."""
    while True:
        connection = http.client.HTTPSConnection(BRIDGE_ADDRESS, API_PORT, context=context, timeout=_WATCH_SECONDS + 30)
        try:
            _list_and_watch(cache, collection, connection)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            _say(f"{collection}: {error!r}")
            time.sleep(_RETRY_SECONDS)
        finally:
            connection.close()


def _list_and_watch(cache: _Cache, collection: str, connection: http.client.HTTPSConnection) -> None:
    connection.request("GET", collection)
    listed = json.loads(connection.getresponse().read())
    cache.replace(collection, {item["metadata"]["uid"]: item for item in listed["items"]})
    version = listed["metadata"]["resourceVersion"]
    connection.request("GET", f"{collection}?watch=1&timeoutSeconds={_WATCH_SECONDS}&resourceVersion={version}")
    response = connection.getresponse()
    while line := response.readline():
        event = json.loads(line)
        if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
            raise ValueError(f"watch ended: {event['object'].get('message')}")
        cache.update(collection, event)


def _apply(rules: str) -> bool:
    done = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        _say(f"nft refused the rules: {done.stderr.strip()}")
        return False
    _say(f"applied {rules.count('counter drop')} chains")
    return True


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)


if __name__ == "__main__":
    main()
