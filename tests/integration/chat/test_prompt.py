"""`chat` as a person has it: on a terminal, with a prompt that asks about each change."""

from __future__ import annotations

import pytest

from tests.integration.chat.conftest import Open, Serve, Shop

pytestmark = pytest.mark.apiserver

SCRIPT = """
models: [scripted, scripted-other]
pace: 0.05
rules:
  - when: {answer: '^status: applied'}
    reply: [{text: "It is done."}]
  - when: {answer: '(?s)^status: denied.*(?P<why>too many)'}
    reply: [{text: "You said ${why}."}]
  - when: {answer: '^status: denied'}
    reply: [{text: "As you wish."}]
  - when: {question: 'scale', step: 0}
    reply: [{call: {args: {command: "kubectl -n NS scale deploy/web --replicas=3"}}}]
  - when: {question: 'wait', step: 0}
    reply: [{call: {args: {command: "echo waiting; sleep 600"}}}]
  - when: {question: 'and then'}
    reply: [{text: "Then nothing *more*."}]
"""


async def test_a_change_is_shown_and_applied_when_the_person_says_so(shop: Shop, serve_script: Serve, open_terminal: Open) -> None:
    await serve_script(SCRIPT)
    terminal = await open_terminal("chat", "scale web")

    await terminal.expect("commands are not sandboxed")
    await terminal.expect(f"· {shop.namespace} · lapses at")
    await terminal.expect("spec.replicas  2 → 3")
    await terminal.expect("Apply change 1? [y/n/details]")
    assert shop.replicas() == "2"
    terminal.type("d\n")
    await terminal.expect(f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/web/scale")
    await terminal.expect("Apply change 1?")
    terminal.type("y\n")
    await terminal.expect("done · approved by you")
    await terminal.expect("It is done.")
    await terminal.expect("Ctrl-C leaves it to itself")  # no pod ever runs here, so the rollout has no end
    terminal.type("\x03")
    await terminal.expect("The rollout goes on")
    await terminal.expect(">>> ")
    assert shop.replicas() == "3"

    terminal.type("undo\n")
    await terminal.expect("spec.replicas  3 → 2")
    terminal.type("yes\n")
    await terminal.expect("Change 1 · undone by change 2")
    await terminal.expect("Ctrl-C leaves it to itself")
    terminal.type("\x03")
    await terminal.expect(">>> ")
    assert shop.replicas() == "2"

    terminal.type("and then?\n")
    await terminal.expect("Then nothing more.")
    await terminal.expect(">>> ")
    terminal.type("exit\n")
    assert await terminal.wait() == 0


async def test_a_reason_reaches_the_model(shop: Shop, serve_script: Serve, open_terminal: Open) -> None:
    await serve_script(SCRIPT)
    terminal = await open_terminal("chat", "--quiet", "scale web")

    await terminal.expect("Apply change 1?")
    terminal.type("that is too many\n")
    await terminal.expect("You said too many.")

    assert await terminal.wait() == 0
    assert shop.replicas() == "2"


async def test_ctrl_c_stops_the_turn_and_the_next_question_is_answered(shop: Shop, serve_script: Serve, open_terminal: Open) -> None:
    await serve_script(SCRIPT)
    terminal = await open_terminal("chat", "wait")

    await terminal.expect("Running: echo waiting; sleep 600")
    terminal.type("\x03")
    await terminal.expect("Stopped by you.")
    await terminal.expect(">>> ")
    terminal.type("and then?\n")
    await terminal.expect("Then nothing more.")
    await terminal.expect(">>> ")
    terminal.type("scale web\n")
    await terminal.expect("Apply change 1?")
    terminal.type("\x03")
    await terminal.expect("Change 1 is withdrawn.")
    await terminal.expect(">>> ")
    terminal.type("\x04")

    assert await terminal.wait() == 0
    assert shop.replicas() == "2"


async def test_the_words_of_the_prompt_steer(shop: Shop, serve_script: Serve, open_terminal: Open) -> None:
    await serve_script(SCRIPT)
    terminal = await open_terminal("chat", "--context", "kas")

    for typed, expected in (
        ("help", "Whatever a command would change is shown first"),
        ("models", "scripted – in use in this thread"),
        ("model absent", "There is no model absent here."),
        ("tools", "on the person's machine"),
        ("sessions", "There is no earlier conversation."),
        ("session", "kubectl-ai-slack chat --resume-session 2"),
        ("resume-session 2020-1", "kubectl-ai-slack chat --resume-session 2020-1"),
        ("version", "kubectl-ai-slack "),
        ("stop", "Nothing is going on."),
        ("status", "Commands run on this machine, not in a sandbox."),
        ("undo", "Nothing in this conversation can be undone."),
        (f"kubectl -n {shop.namespace} get cm settings -o name", "configmap/settings"),
        ("and then?", "Then nothing more."),
        ("clear", "Cleared: the model no longer knows"),
    ):
        await terminal.expect(">>> ")
        terminal.type(f"{typed}\n")
        await terminal.expect(expected)
    await terminal.expect(">>> ")
    terminal.type("quit\n")
    await terminal.expect("To go on with this conversation: kubectl-ai-slack chat --resume-session 2")

    assert await terminal.wait() == 0


async def test_a_person_at_a_terminal_decides_also_about_what_came_through_a_pipe(
    shop: Shop, serve_script: Serve, open_terminal: Open
) -> None:
    await serve_script(SCRIPT)
    terminal = await open_terminal("chat", "--quiet", piped="please scale web")

    await terminal.expect("Apply change 1? [y/n/details]")
    terminal.type("y\n")
    await terminal.expect("It is done.")

    assert await terminal.wait() == 0
    assert shop.replicas() == "3"
