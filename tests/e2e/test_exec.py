"""Execs into a real container: recorded in the sandbox, approved in Slack, run once, shown; and the power cut in the middle."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from bot.devslack.driver import Driver
from tests.e2e.conftest import Bots, Cluster, make_namespace
from tests.e2e.parts import AuditLog, until
from tests.e2e.test_main_job import ANA, Oncall

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

BOX = """
apiVersion: v1
kind: Pod
metadata: {name: box}
spec:
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  containers:
  - name: main
    image: kas.local/sandbox:1
    imagePullPolicy: Never
    command: [sleep, "100000"]
"""


@pytest.fixture
def box(cluster: Cluster) -> Iterator[str]:
    """A namespace with a pod `box` in which a shell and tar are at hand."""
    with make_namespace(cluster) as name:
        cluster.kubectl("-n", name, "apply", "-f", "-", stdin=BOX)
        cluster.kubectl("-n", name, "wait", "--for=condition=Ready", "pod/box", "--timeout=180s")
        yield name


def look(cluster: Cluster, namespace: str, *command: str) -> str:
    """Runs something in the box as the administrator."""
    return cluster.kubectl("-n", namespace, "exec", "box", "--", *command)


def execs(audit: AuditLog, namespace: str) -> list[str]:
    """The execs of the bot that reached the API server, whatever became of them: their commands, each once."""
    found: dict[str, str] = {}
    with audit.path.open("rb") as log:
        log.seek(audit.offset)
        for line in log:
            event = json.loads(line) if line.endswith(b"\n") else {}
            reference = event.get("objectRef") or {}
            if (reference.get("subresource"), reference.get("namespace")) == ("exec", namespace) and "impersonatedUser" in event:
                found[event["auditID"]] = event["requestURI"].partition("?")[2]
    return list(found.values())


def shown(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


async def test_an_exec_with_input_runs_once_after_approval_and_its_output_is_shown(
    cluster: Cluster, bots: Bots, slack: Driver, box: str
) -> None:
    bot = bots.make(namespace=box, has_model=False)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()

    thread = await people.ask("! printf 'one\\ntwo\\n' | kubectl exec -i box -- sh -c 'tee /tmp/in; echo oops >&2; exit 7'")
    card = await people.card(thread)
    before_click = execs(audit, box)
    await people.approve(card)
    done = await people.card(thread, holds="exit code 7")

    assert "sh -c 'tee /tmp/in; echo oops >&2; exit 7'" in shown(card)
    assert "8 bytes" in shown(card)
    assert before_click == []
    assert "one\\ntwo\\noops" in shown(done)
    assert "done" in shown(done)
    assert look(cluster, box, "cat", "/tmp/in") == "one\ntwo\n"
    assert len(execs(audit, box)) == 1 + len([uri for uri in execs(audit, box) if "command=cat" in uri])
    answers = bot.database.rows("SELECT data FROM entries WHERE kind = 'answered'")
    result = json.loads(answers[0]["data"])["result"]
    assert (result["status"], result["exit_code"], result["stdout"], result["stderr"]) == ("applied", 7, "one\ntwo\n", "oops\n")


async def test_kubectl_cp_goes_into_a_container_and_out_of_it(cluster: Cluster, bots: Bots, slack: Driver, box: str) -> None:
    bot = bots.make(namespace=box, has_model=False)
    await bot.start()
    people = Oncall(slack)

    thread = await people.ask("! echo 'carried in' >note.txt; kubectl cp note.txt box:/tmp/note.txt")
    card = await people.card(thread)
    await people.approve(card)
    await people.card(thread, holds="exit code 0")
    assert look(cluster, box, "cat", "/tmp/note.txt") == "carried in\n"

    look(cluster, box, "sh", "-c", "echo 'carried out' >/tmp/out.txt")
    await slack.say(ANA, "oncall", "! kubectl cp box:/tmp/out.txt out.txt", thread)
    second = await people.card(thread)
    assert second["ts"] != card["ts"]
    await people.approve(second)
    done = await people.card(thread, holds="/home/agent/change-2-1.tar")
    await slack.say(ANA, "oncall", "! tar xOf change-2-1.tar", thread)
    await people.says(thread, "carried out")

    assert "tar xf /home/agent/change-2-1.tar" in shown(done)


async def test_listed_arguments_pass_and_all_others_ask(cluster: Cluster, bots: Bots, slack: Driver, box: str) -> None:
    rules = ({"namespace": box, "container": "main", "command": ["cat", "/etc/debian_version"]}, {"namespace": box, "command": ["ls", "*"]})
    bot = bots.make(namespace=box, has_model=False, exec_allow=rules)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()
    version = look(cluster, box, "cat", "/etc/debian_version").strip()

    thread = await people.ask("! echo [$(kubectl exec box -- cat /etc/debian_version)]; kubectl exec box -- ls /nowhere; echo code $?")
    passed = await people.says(thread, f"[{version}]")
    assert await people.cards(thread) == []
    assert "code 2" in shown(passed)
    assert "cannot access" in shown(passed)
    assert len([uri for uri in execs(audit, box) if "command=ls" in uri]) == 1

    await slack.say(ANA, "oncall", "! kubectl exec box -- cat /etc/hostname", thread)
    card = await people.card(thread)

    assert "cat /etc/hostname" in shown(card)
    assert not [uri for uri in execs(audit, box) if "hostname" in uri]


async def test_an_exec_that_the_power_cut_hit_is_unknown_and_not_run_again(cluster: Cluster, bots: Bots, slack: Driver, box: str) -> None:
    bot = bots.make(namespace=box, has_model=False)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()

    thread = await people.ask("! kubectl exec box -- sh -c 'echo ran >>/tmp/ran; sleep 30'")
    await people.approve(await people.card(thread))
    await until("the command runs", lambda: _has_run(cluster, box))
    bot.kill9()
    await bot.start()
    card = await people.card(thread, holds="outcome unknown")

    assert "kubectl -n" in shown(card)
    assert "logs box -c main" in shown(card)
    assert look(cluster, box, "cat", "/tmp/ran") == "ran\n"
    assert len([uri for uri in execs(audit, box) if "sleep" in uri]) == 1


async def test_an_exec_that_takes_too_long_is_cut_off_and_shows_what_it_said_until_then(
    cluster: Cluster, bots: Bots, slack: Driver, box: str
) -> None:
    bot = bots.make(namespace=box, has_model=False, exec_seconds=10.0)
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()

    thread = await people.ask("! kubectl exec box -- sh -c 'echo mark$((6*7)); sleep 600'")
    await people.approve(await people.card(thread))
    card = await people.card(thread, holds="outcome unknown")

    assert "it was cut off after 10 s" in shown(card)
    assert "mark42" in shown(card)
    assert len([uri for uri in execs(audit, box) if "sleep" in uri]) == 1


async def test_an_exec_that_prints_too_much_is_cut_off(cluster: Cluster, bots: Bots, slack: Driver, box: str) -> None:
    bot = bots.make(namespace=box, has_model=False, exec_seconds=500.0)  # how much is printed ends it, however slow that is
    await bot.start()
    people, audit = Oncall(slack), cluster.audit()

    thread = await people.ask("! kubectl exec box -- yes")
    await people.approve(await people.card(thread))
    card = await people.card(thread, holds="outcome unknown", seconds=500.0)

    assert "it was cut off because it printed too much" in shown(card)
    assert "y\\ny\\ny" in shown(card)
    assert len([uri for uri in execs(audit, box) if "command=yes" in uri]) == 1


async def test_as_much_input_as_an_exec_may_have_arrives_whole(cluster: Cluster, bots: Bots, slack: Driver, box: str) -> None:
    bot = bots.make(namespace=box, has_model=False)
    await bot.start()
    people, size = Oncall(slack), 1_048_576

    thread = await people.ask(f"! yes 0123456 | head -c {size} | kubectl exec -i box -- sh -c 'cat >/tmp/whole'")
    card = await people.card(thread)
    await people.approve(card)
    await people.card(thread, holds="exit code 0")

    assert f"{size:,} bytes" in shown(card)
    expected = hashlib.sha256(b"0123456\n" * (size // 8)).hexdigest()
    assert look(cluster, box, "sha256sum", "/tmp/whole").split()[0] == expected


def _has_run(cluster: Cluster, namespace: str) -> bool:
    command = ["kubectl", "--kubeconfig", cluster.kubeconfig, "-n", namespace, "exec", "box", "--", "test", "-s", "/tmp/ran"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
