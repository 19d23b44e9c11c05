"""Who is heard, and what their words mean."""

from __future__ import annotations

import pytest

from bot.threads.inbound.incoming import Command, Message
from bot.threads.inbound.wording import HELP_TEXT, Request, Word, is_for_somebody_else, read
from bot.values.people import Person
from bot.values.transcript import Mode
from tests.fakes import prints
from tests.unit.threads.harness import THREAD, bench


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("kubectl get pods", Request(Mode.COMMAND, "kubectl get pods")),
        ("`kubectl get pods`", Request(Mode.COMMAND, "kubectl get pods")),
        ("```\nkubectl get pods |\n  wc -l\n```", Request(Mode.COMMAND, "kubectl get pods |\n  wc -l")),
        ("```bash\nkubectl get pods\n```", Request(Mode.COMMAND, "kubectl get pods")),
        ("```kubectl get pods```", Request(Mode.COMMAND, "kubectl get pods")),
        ("kubectl\N{NO-BREAK SPACE}get pods", Request(Mode.COMMAND, "kubectl get pods")),
        ("! echo `date`", Request(Mode.COMMAND, "! echo `date`")),
        ("!ls", Request(Mode.COMMAND, "!ls")),
        ("kubectl", Request(Mode.COMMAND, "kubectl")),
        ("kubectl: why does it hang?", Request(Mode.QUESTION, "kubectl: why does it hang?")),
        ("triage", Request(Mode.TRIAGE, "triage")),
        ("Triage Shop", Request(Mode.TRIAGE, "triage shop")),
        ("triage the shop please", Request(Mode.QUESTION, "triage the shop please")),
        ("triage $(id)", Request(Mode.QUESTION, "triage $(id)")),
        ("why `kubectl get pods` fails", Request(Mode.QUESTION, "why `kubectl get pods` fails")),
        ("why is the shop down?", Request(Mode.QUESTION, "why is the shop down?")),
        ("Stop!", Word.STOP),
        ("stop the rollout of web", Request(Mode.QUESTION, "stop the rollout of web")),
        ("status", Word.STATUS),
        ("clear", Word.CLEAR),
        ("reset", Word.CLEAR),
        ("Export.", Word.EXPORT),
        ("tools", Word.TOOLS),
        ("clear the queue of web", Request(Mode.QUESTION, "clear the queue of web")),
        ("help.", Word.HELP),
        ("", Word.HELP),
        (" ! ", Word.HELP),
    ],
)
def test_words_mean(text: str, meaning: Word | Request) -> None:
    assert read(text) == meaning


def test_a_message_that_begins_with_a_mention_is_for_somebody_else() -> None:
    assert [is_for_somebody_else(text) for text in ("<@U2> look", " @bob look", "look, @bob")] == [True, True, False]


async def test_a_message_in_an_unknown_thread_is_ignored_without_a_word() -> None:
    async with bench() as b:
        b.surface.is_down = True  # nobody is even asked about
        await b.write("kubectl get pods", mention=False)

        await b.rest()

        assert await b.stores.threads.get(THREAD) is None
        assert b.surface.whispers == []


async def test_a_message_to_another_person_in_a_known_thread_is_ignored() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        await b.write("kubectl get pods")
        await b.rest()
        await b.write("<@U2> can you look?", ts="101.1", mention=False)
        await b.rest()

        assert len([e for e in await b.entries() if e.turn == 2]) == 0


@pytest.mark.parametrize(
    ("person", "says"),
    [
        (Person("U9", "T1", "guest", is_guest=True), "Guests"),
        (Person("U9", "T2", "stranger", is_external=True), "members of this workspace"),
        (Person("U9", "T1", "bot", is_bot=True), "Bots"),
        (Person("U9", "T1", "gone", is_deleted=True), "deactivated"),
    ],
)
async def test_whoever_may_not_use_the_bot_is_told_once_and_privately(person: Person, says: str) -> None:
    async with bench() as b:
        b.surface.people["U9"] = person
        await b.write("kubectl get pods", user="U9")
        await b.write("kubectl get pods", user="U9")  # the same message as another event

        await b.rest()

        [(user, text)] = b.surface.whispers
        assert (user, says in text) == ("U9", True)
        assert await b.stores.threads.get(THREAD) is None


async def test_a_message_from_another_workspace_is_refused_without_asking() -> None:
    async with bench() as b:
        message = Message("T1", "C1", "U1", "100.1", "100.1", "kubectl get pods", is_mention=True, is_direct=False, is_external=True)
        await b.put(message)

        await b.rest()

        assert b.surface.whispers == [("U1", "Only members of this workspace can use kubectl-ai.")]


async def test_a_channel_that_is_not_allowed_is_refused() -> None:
    async with bench() as b:
        b.surface.refused_channels["C1"] = "kubectl-ai does not work in channels shared with others."
        await b.write("kubectl get pods")
        await b.put(Command("T1", "C1", "U1", "kubectl get pods"))

        await b.rest()

        assert b.surface.whispers == [("U1", "kubectl-ai does not work in channels shared with others.")] * 2
        assert b.surface.roots == {}


async def test_a_message_while_the_chat_is_down_is_handled_when_it_is_back() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        b.surface.is_down = True
        await b.write("kubectl get pods")
        await b.rest()
        refused = await b.stores.threads.get(THREAD) is None
        b.surface.is_down = False
        b.time.now += 30

        await b.rest()

        assert refused
        assert b.surface.texts[THREAD] == {"answer:1": ("", "web-1")}


async def test_help_and_status_answer_in_the_thread() -> None:
    async with bench() as b:
        await b.write("help")
        await b.write("status", ts="100.2")
        await b.write("why?", ts="100.3")
        await b.write("status", ts="100.4")

        await b.rest()

        texts = b.surface.texts[THREAD]
        assert texts["help:100.1"] == (HELP_TEXT, "")
        assert texts["status:100.2"] == ("Nothing has been asked in this thread yet.", "")
        assert texts["status:100.4"][0].startswith("Cluster prod, namespace shop.")


async def test_words_of_a_slash_command_are_answered_privately() -> None:
    async with bench() as b:
        for text in ("", "stop", "status"):
            await b.put(Command("T1", "C1", "U1", text))

        await b.rest()

        assert [len(b.surface.whispers), [user for user, _ in b.surface.overviews]] == [2, ["U1"]]
        assert b.surface.roots == {}


async def test_messages_of_a_thread_begin_turns_in_their_order() -> None:
    async with bench() as b:
        for number in range(8):
            await b.write(f"! echo {number}", ts=f"100.{number + 1}")

        await b.rest()

        texts = [e.text for e in await b.entries() if hasattr(e, "mode")]
        assert texts == [f"! echo {number}" for number in range(8)]


async def test_what_cannot_be_handled_does_not_hold_up_the_rest() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        await b.write("kubectl get pods", user="nobody")  # the chat does not know this user: KeyError
        await b.write("kubectl get pods", ts="101.1")

        await b.rest()

        assert [e.turn for e in await b.entries() if hasattr(e, "mode")] == [1]
