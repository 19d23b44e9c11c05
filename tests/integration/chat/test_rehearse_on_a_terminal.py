"""`rehearse` as a person uses it: the question on a terminal, and a kubeconfig with more than one context."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from tests.integration.chat.conftest import MAIN, Open, Shop

_LABEL = "jsonpath={.metadata.labels.colour}"
_ASKING = 'echo "u"p; read reply; echo got $reply'
"""What is typed is not what is printed: a terminal shows both."""


@pytest.mark.parametrize(
    ("reply", "label", "words"),
    [("y", "red", "rehearse: done"), ("yes", "red", "rehearse: done"), ("n", "", "not applied"), ("", "", "not applied")],
)
async def test_a_change_is_applied_only_if_the_person_says_so(shop: Shop, open_terminal: Open, reply: str, label: str, words: str) -> None:
    terminal = await open_terminal("rehearse", "--apply", "--", "kubectl", "-n", shop.namespace, "label", "cm", "settings", "colour=red")

    await terminal.expect("labels.colour")
    await terminal.expect("rehearse: apply 1 write now? [y/N] ")
    assert shop.kubectl("get", "cm", "settings", "-o", _LABEL) == "", "nothing is applied before the reply"
    terminal.type(f"{reply}\n")
    await terminal.expect(words)

    assert await terminal.wait() == 3
    assert shop.kubectl("get", "cm", "settings", "-o", _LABEL) == label


async def test_ctrl_c_at_the_question_applies_nothing(shop: Shop, open_terminal: Open) -> None:
    terminal = await open_terminal("rehearse", "--apply", "--", "kubectl", "-n", shop.namespace, "label", "cm", "settings", "colour=red")

    await terminal.expect("[y/N] ")
    terminal.type("\x03")

    assert await terminal.wait() == 130
    assert shop.kubectl("get", "cm", "settings", "-o", _LABEL) == ""


async def test_ctrl_c_in_the_command_applies_nothing(shop: Shop, open_terminal: Open) -> None:
    """It goes to the command, which has the terminal, and to nobody else."""
    line = f"kubectl -n {shop.namespace} label cm settings colour=red; echo 'u'p; sleep 300"
    terminal = await open_terminal("rehearse", "--apply", "--yes", "--", line)

    await terminal.expect("up")
    terminal.type("\x03")
    await terminal.expect("rehearse: interrupted; nothing is applied.")

    assert await terminal.wait() == 130
    assert shop.kubectl("get", "cm", "settings", "-o", _LABEL) == ""


async def test_ctrl_z_gives_the_terminal_back_to_the_shell(shop: Shop, open_terminal: Open) -> None:
    shell = await open_terminal()

    shell.type(f"{_rehearse(_ASKING)}; echo code $?\n")
    await shell.expect("up")
    shell.type("\x1a")
    await shell.expect("Stopped")
    shell.type("echo he''re\n")
    await shell.expect("here")
    shell.type("fg\n")
    await shell.expect("-- 'echo")
    shell.type("word\n")
    await shell.expect("got word")


async def test_in_the_background_it_leaves_the_terminal_to_the_shell(shop: Shop, open_terminal: Open) -> None:
    """And a command that reads from it waits to be brought to the foreground, as any other does."""
    shell = await open_terminal()

    shell.type(f"{_rehearse(_ASKING)} &\n")
    await shell.expect("up")
    shell.type("echo he''re\n")
    await shell.expect("here")
    shell.type("until jobs | grep -q Stopped; do sleep 0.1; done; echo wai''ts\n")
    await shell.expect("waits")
    shell.type("fg\n")
    await shell.expect("-- 'echo")
    shell.type("word\n")
    await shell.expect("got word")


def _rehearse(line: str) -> str:
    return shlex.join([sys.executable, "-c", MAIN, "rehearse", "--"]) + f" '{line}'"


async def test_the_context_that_is_named_is_the_one_that_is_used(shop: Shop) -> None:
    """Two contexts, each with a namespace and a user of its own; KUBECONFIG leads elsewhere."""
    argv = [shop.server.kubectl, "--kubeconfig", shop.server.kubeconfig, "config", "view", "--raw", "-o", "json"]
    config = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)
    [cluster], [user] = config["clusters"], config["users"]
    users = [{"name": "one", "user": {"token": "worth-nothing"}}, {"name": "two", "user": user["user"]}]
    names = (("first", "one", "kube-system"), ("second", "two", shop.namespace), ("third", "two", "default"))
    contexts = [{"name": n, "context": {"cluster": cluster["name"], "user": u, "namespace": ns}} for n, u, ns in names]
    both = {**config, "users": users, "contexts": contexts, "current-context": "first"}
    (shop.folder / "both.json").write_text(json.dumps(both))
    shop.environment["KUBECONFIG"] = str(shop.folder / "nowhere")
    asked = "kubectl config current-context; kubectl get cm settings -o name"

    second = await shop.run("rehearse", "--kubeconfig", "both.json", "--context", "second", "--", asked)
    third = await shop.run("rehearse", "--kubeconfig", "both.json", "--context", "third", "--", f"{asked}; kubectl create cm made")
    first = await shop.run("rehearse", "--kubeconfig", "both.json", "--", asked)

    assert (second.code, second.out) == (0, "second\nconfigmap/settings\n"), second.err
    assert third.code == 3, third.err
    assert third.out.startswith("third\n")
    assert "create ConfigMap default/made" in third.out
    assert first.code == 2, "the user of the current context is nobody"
