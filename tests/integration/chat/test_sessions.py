"""`chat` goes on with an earlier conversation: the model knows what was asked, and what waited for a decision still does."""

from __future__ import annotations

import re

import pytest

from tests.integration.chat.conftest import Open, Serve, Shop

pytestmark = pytest.mark.apiserver

SCRIPT = """
models: [scripted]
rules:
  - when: {question: 'colour', step: 0}
    reply: [{call: {args: {command: "kubectl -n NS get cm settings -o jsonpath='{.data.colour}'"}}}]
  - when: {question: 'colour'}
    reply: [{text: "It is blue."}]
  - when: {question: 'scale', step: 0}
    reply: [{call: {args: {command: "kubectl -n NS scale deploy/web --replicas=3"}}}]
  - when: {answer: '^status: applied'}
    reply: [{text: "Scaled."}]
  - reply: [{text: "As I said."}]
"""


async def test_a_conversation_is_listed_and_goes_on_with_what_was_said(shop: Shop, serve_script: Serve) -> None:
    requests = await serve_script(SCRIPT)
    await shop.run("chat", "what colour is it?")
    listed = await shop.run("chat", "--list-sessions", "--kubeconfig", "/nowhere")  # neither cluster nor model is asked
    found = re.match(r"(\S+)  \S+  1 asked  what colour is it\?\n$", listed.out)
    assert found, listed.out + listed.err

    resumed = await shop.run("chat", "--resume-session", found[1], "and again?")
    last = await shop.run("chat", "--resume-session=last", "and once more?")

    assert (resumed.code, resumed.out.strip()) == (0, "As I said.")
    assert f"Going on with {found[1]}: 1 asked  what colour is it?" in resumed.err
    assert (last.code, last.out.strip()) == (0, "As I said.")
    said = str(requests[-1]["contents"])
    assert [words in said for words in ("what colour is it?", "It is blue.", "and again?", "and once more?")] == [True] * 4
    assert "3 asked" in (await shop.run("chat", "--list-sessions")).out


async def test_a_conversation_is_handed_on_and_replayed_elsewhere(shop: Shop, serve_script: Serve) -> None:
    await serve_script(SCRIPT)
    await shop.run("chat", "what colour is it?")
    name = (await shop.run("chat", "--list-sessions")).out.split()[0]

    saved = await shop.run("replay", f"local:terminal:{name}", "--save", "thread.json")
    (shop.folder / ".local/state/kubectl-ai-slack/local/local.db").unlink()
    again = await shop.run("replay", "--from", "thread.json")
    gone = await shop.run("replay", f"local:terminal:{name}")

    assert (saved.code, saved.err) == (0, "")
    assert [line.split()[1] for line in again.out.partition("\n\n")[0].splitlines()] == ["asked", "replied", "answered", "replied", "ended"]
    assert again.code == 0
    assert (gone.code, "There is no database" in gone.err) == (2, True)


async def test_a_person_sees_what_was_said_last_where_a_conversation_goes_on(shop: Shop, serve_script: Serve, open_terminal: Open) -> None:
    await serve_script(SCRIPT)
    await shop.run("chat", "what colour is it?")
    terminal = await open_terminal("chat", "--resume-session", "last")

    await terminal.expect("1 asked  what colour is it?")
    await terminal.expect("It is blue.")
    await terminal.expect(">>>")
    terminal.type("\x04")

    assert await terminal.wait() == 0


@pytest.mark.parametrize(("name", "says"), [("last", "There is no earlier conversation to go on with"), ("20200101", "--list-sessions")])
async def test_a_conversation_that_is_not_there_is_told_so(shop: Shop, serve_script: Serve, name: str, says: str) -> None:
    await serve_script(SCRIPT)

    ran = await shop.run("chat", "--resume-session", name, "and again?")

    assert ran.code == 2
    assert says in ran.err


async def test_a_change_that_waited_when_the_program_was_killed_is_shown_and_decided(
    shop: Shop, serve_script: Serve, open_terminal: Open
) -> None:
    await serve_script(SCRIPT)
    first = await open_terminal("chat", "scale web")
    await first.expect("Apply change 1?")
    first.process.kill()
    await first.wait()

    second = await open_terminal("chat", "--resume-session", "last")
    await second.expect("Going on with")
    await second.expect("spec.replicas")
    await second.expect("Apply change 1?")
    second.type("y\n")
    await second.expect("Scaled.")
    await second.expect("Ctrl-C leaves it to itself")  # no pod ever runs here, so the rollout has no end
    second.type("\x03")
    await second.expect("The rollout goes on")
    await second.expect(">>>")
    second.type("\x04")

    assert await second.wait() == 0
    assert shop.replicas() == "3"
