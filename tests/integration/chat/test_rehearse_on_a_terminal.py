"""`rehearse` as a person uses it: the question on a terminal, and a kubeconfig with more than one context."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.integration.chat.conftest import Open, Shop

_LABEL = "jsonpath={.metadata.labels.colour}"


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
