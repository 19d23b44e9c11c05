"""The triage script, run by the real bash and jq over recorded objects; a stand-in `kubectl` prints them."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bot.agent import triage

pytestmark = pytest.mark.skipif(not (shutil.which("bash") and shutil.which("jq")), reason="needs bash and jq: apt-get install jq")

KUBECTL = """#!/bin/bash
printf '%s\\n' "$*" >>"$DATA/calls"
case "$1 $2" in
  "get events") cat "$DATA/events" ;;
  "get "*) cat "$DATA/objects"; cat "$DATA/stderr" >&2 ;;
  "logs "*) echo 'STORE_URL="cart-store:6379" is not a URL' ;;
esac
"""


DAY = 86_400.0  # half a day away from the next number, however late in a run the fixture is looked at


def ago(seconds: float) -> str:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def deployment(name: str, want: int = 1, ready: int = 1, conditions: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"replicas": want},
        "status": {"readyReplicas": ready, "updatedReplicas": want, "conditions": conditions or []},
    }


def pod(name: str, replica_set: str, state: dict[str, Any], *, ready: bool = False, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": "shop",
            "name": name,
            "labels": {"app": replica_set.rsplit("-", 1)[0]},
            "ownerReferences": [{"kind": "ReplicaSet", "name": replica_set, "controller": True}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "main", "ready": ready, "state": state, **status}],
        },
    }


def service(name: str, selector: dict[str, str]) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"namespace": "shop", "name": name}, "spec": {"selector": selector}}


BROKEN_SHOP = [
    deployment("web", 2, 2),
    deployment("cart", 1, 0, [{"type": "Available", "status": "False", "lastTransitionTime": ago(12.5 * DAY)}]),
    deployment(
        "payments",
        1,
        1,
        [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": ago(3.5 * DAY)}],
    ),
    pod("web-5d9-a", "web-5d9", {"running": {}}, ready=True),
    pod(
        "cart-7c9-b",
        "cart-7c9",
        {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
        restartCount=5,
        lastState={"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": ago(2.5 * DAY)}},
    ),
    pod(
        "payments-86d-c",
        "payments-86d",
        {"waiting": {"reason": "ErrImageNeverPull", "message": 'Container image "kas.local/web:1.9.0" is not present'}},
    ),
    service("web", {"app": "web"}),
    service("catalog", {"app": "catalogue"}),
    service("cart", {"app": "cart"}),
]


def run(tmp_path: Path, objects: list[dict[str, Any]], namespace: str, events: list[dict[str, Any]] | None = None, stderr: str = "") -> Any:
    (tmp_path / "bin").mkdir()
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    (tmp_path / "objects").write_text(json.dumps({"kind": "List", "items": objects}))
    (tmp_path / "events").write_text(json.dumps({"items": events or []}))
    (tmp_path / "stderr").write_text(stderr)
    (tmp_path / "calls").touch()
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "DATA": str(tmp_path), "TMPDIR": str(tmp_path)}
    return subprocess.run(
        ["bash", "-c", triage.script(namespace)], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_broken_shop_is_told_with_causes_and_ages(tmp_path: Path) -> None:
    done = run(tmp_path, BROKEN_SHOP, "shop")

    assert done.stderr == ""
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "4 problems in namespace shop:"
    assert "Deployment shop/cart: 0/1 ready, since 12d" in lines
    assert any(
        line.startswith("    Pod shop/cart-7c9-b: container main: CrashLoopBackOff, 5 restarts, last exit 1 (Error) 2d") for line in lines
    )
    assert "Deployment shop/payments: 1/1 ready, rollout stuck (ProgressDeadlineExceeded), since 3d" in lines
    assert '    Pod shop/payments-86d-c: container main: ErrImageNeverPull: Container image "kas.local/web:1.9.0" is not present' in lines
    assert "Service shop/catalog: no endpoints: selector app=catalogue matches no pod" in lines
    assert "Service shop/cart: no ready endpoints: none of 1 pods of selector app=cart is ready" in lines
    assert "Healthy: Deployment shop/web, Service shop/web" in lines
    assert '    STORE_URL="cart-store:6379" is not a URL' in lines


def test_three_kubectl_calls_are_enough_and_all_of_them_read(tmp_path: Path) -> None:
    run(tmp_path, BROKEN_SHOP, "shop")

    calls = sorted((tmp_path / "calls").read_text().splitlines())
    assert len(calls) == 3
    assert [call.split()[0] for call in calls] == ["get", "get", "logs"]
    assert all("--namespace=shop" in call for call in calls)


def test_warnings_are_told_newest_first(tmp_path: Path) -> None:
    events = [
        {
            "lastTimestamp": ago(600),
            "count": 3,
            "reason": "Unhealthy",
            "message": "old",
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "a"},
        },
        {
            "eventTime": ago(60).replace("Z", ".123456Z"),
            "reason": "BackOff",
            "message": "new\nline",
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "b"},
        },
    ]

    done = run(tmp_path, BROKEN_SHOP, "", events)

    told = done.stdout.split("Last warnings:\n")[1].splitlines()
    assert "all namespaces" in done.stdout
    assert told[0].endswith("×1 Pod shop/b BackOff: new line")
    assert told[1] == "  10m ago ×3 Pod shop/a Unhealthy: old"


def test_warnings_of_the_same_kind_are_one_line(tmp_path: Path) -> None:
    about = {"kind": "Pod", "namespace": "shop", "name": "a"}
    events = [
        {"lastTimestamp": ago(60 * n), "count": n, "reason": "BackOff", "message": f"number {n}", "involvedObject": about}
        for n in (3, 2, 5)
    ]

    done = run(tmp_path, BROKEN_SHOP, "shop", events)

    assert done.stdout.split("Last warnings:\n")[1].splitlines()[0] == "  2m ago ×10 Pod shop/a BackOff: number 2"


@pytest.mark.parametrize(("state", "option"), [({"running": {}}, "--previous "), ({"terminated": {"exitCode": 1}}, "--previous=false ")])
def test_the_last_words_are_read_from_where_they_are(tmp_path: Path, state: dict[str, Any], option: str) -> None:
    run(tmp_path, [pod("cart-7c9-b", "cart-7c9", state, lastState={"terminated": {"exitCode": 1}})], "shop")

    (call,) = [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("logs")]
    assert f"{option}--tail=5" in call


def test_a_new_version_that_does_not_come_up_behind_a_healthy_old_one_is_a_problem(tmp_path: Path) -> None:
    rolling = deployment("payments", 1, 1, [{"type": "Progressing", "status": "True", "lastUpdateTime": ago(180)}])
    rolling["status"]["unavailableReplicas"] = 1

    done = run(tmp_path, [rolling], "shop")

    assert "Deployment shop/payments: 1/1 ready, rollout not finished: 1 pods not available, since 3m" in done.stdout


def test_a_healthy_namespace_is_told_as_such(tmp_path: Path) -> None:
    done = run(tmp_path, [deployment("web"), pod("web-5d9-a", "web-5d9", {"running": {}}, ready=True)], "shop")

    assert done.stdout.splitlines()[0] == "No problems found in namespace shop."
    assert (tmp_path / "calls").read_text().count("logs") == 0


def test_an_empty_namespace_is_not_called_healthy(tmp_path: Path) -> None:
    assert run(tmp_path, [], "shpo").stdout.splitlines()[0] == "Nothing was found in namespace shpo."


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, BROKEN_SHOP, "shop", stderr="Error from server (Forbidden): nodes is forbidden")

    assert "Could not be looked at:\n    Error from server (Forbidden): nodes is forbidden" in done.stdout
    assert done.returncode == 0


def test_nothing_readable_is_a_failure_with_its_reason_once(tmp_path: Path) -> None:
    noise = "".join(f'E1124 11:44:08.85702{n}   17455 memcache.go:265] "Unhandled Error"\n' for n in range(5))

    done = run(tmp_path, [], "shop", stderr=f"{noise}The connection to the server was refused\nThe connection to the server was refused\n")

    assert done.returncode == 1
    assert done.stdout == "Nothing in namespace shop could be looked at:\n    The connection to the server was refused\n"


@pytest.mark.parametrize("namespace", ["'; touch pwned; '", "$(touch pwned)", "a\ntouch pwned", "-A"])
def test_a_namespace_is_never_a_command_or_an_option(tmp_path: Path, namespace: str) -> None:
    run(tmp_path, [], namespace)

    calls = (tmp_path / "calls").read_text()
    assert f"--namespace={namespace}" in calls
    assert not (tmp_path / "pwned").exists()
    assert not Path("pwned").exists()


def test_pods_that_cannot_be_scheduled_say_why(tmp_path: Path) -> None:
    stuck = pod("big-1-a", "big-1", {})
    stuck["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "lastTransitionTime": ago(300), "message": "0/3 nodes are available"}],
    }

    done = run(tmp_path, [stuck], "shop")

    assert "Pod shop/big-1-a: not scheduled, since 5m: 0/3 nodes are available" in done.stdout.splitlines()
