"""`export`: the whole thread as one Markdown file."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.ports import ModelReply
from bot.errors import SurfaceError
from bot.threads.stores import Thread
from bot.values.transcript import Answered, Entry
from tests.fakes import PASSWORD, FakeModel, prints, say, scales
from tests.unit.threads.harness import THREAD, Bench, bench

EXPECTED = """\
# kubectl-ai: a thread

Cluster prod, namespace shop. Thread `T1:C1:100.1`, as of 1970-01-01 00:16:40 UTC.

## 1. ada (U1) wrote

> why is it slow?

```
kubectl get pods
```

ok, exit code 0, 0.1 s.

Output:

````
web-1
``` [redacted]
````

### Change 1: done

```
kubectl scale
```

- proposed at 1970-01-01 00:16:40 UTC, digest `{digest}`
- decided by bob (U2) at 1970-01-01 00:16:40 UTC
"""


def work(entries: Sequence[Entry]) -> ModelReply:
    steps = [say("", ("c1", "kubectl get pods")), say("", ("c2", "kubectl scale")), say("It has **5** now.")]
    return steps[sum(isinstance(entry, Answered) for entry in entries)]


async def fill(b: Bench) -> None:
    """A question, a look, a change that is approved, and an answer."""
    b.model = FakeModel(work)
    b.sandboxes.programs = {"kubectl get pods": prints(f"web-1\n``` {PASSWORD}\n"), "kubectl scale": scales(b.cluster, 5)}
    await b.write("why is it slow?")
    await b.rest()
    await b.click("approve", 1)
    await b.rest()


async def test_the_file_tells_commands_changes_decisions_and_answers_in_order() -> None:
    async with bench() as b:
        await fill(b)

        await b.write("export", ts="100.2", mention=False)
        await b.rest()

        [(name, text)] = b.surface.files[THREAD].values()
        assert name == "export-100-2.md"
        assert text.startswith(EXPECTED.format(digest=b.surface.cards[1][0].digest))
        assert "update Deployment shop/web\n  spec.replicas: 3 → 5" in text
        assert "- write 1: landed" in text
        assert "applied, exit code 0, 0.1 s." in text
        assert text.endswith("**fake:**\n\nIt has **5** now.\n")
        assert PASSWORD not in text


async def test_what_was_cleared_is_in_the_file() -> None:
    async with bench() as b:
        await fill(b)
        await b.write("clear", ts="100.2")
        await b.rest()

        await b.write("export", ts="100.3")
        await b.rest()

        [(_, text)] = b.surface.files[THREAD].values()
        assert "why is it slow?" in text
        assert text.endswith("*ada (U1) let the model forget everything before this.*\n")


async def test_a_long_output_is_in_the_file_with_its_head_and_tail() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("".join(f"line {n}\n" for n in range(10_000)))
        await b.write("kubectl get pods")
        await b.rest()

        await b.write("export", ts="100.2")
        await b.rest()

        [(_, text)] = b.surface.files[THREAD].values()
        assert "line 0\n" in text
        assert "line 9999\n" in text
        assert "line ends left out" in text
        assert len(text) < 6_000


async def test_a_file_that_the_chat_refuses_is_told_in_words() -> None:
    async with bench() as b:
        await fill(b)

        async def refuse(thread: Thread, key: str, name: str, title: str, content: str) -> None:
            raise SurfaceError("The Slack app lacks the scope files:write.")

        b.surface.share_file = refuse  # type: ignore[method-assign]
        await b.write("export", ts="100.2")
        await b.rest()

        told, _ = b.surface.texts[THREAD]["export:100.2"]
        assert told == "The file with this thread could not be added: The Slack app lacks the scope files:write."


async def test_the_tools_are_listed() -> None:
    async with bench() as b:
        await b.write("tools")

        await b.rest()

        told, _ = b.surface.texts[THREAD]["tools:100.1"]
        assert "• `shell` – Runs one command line with bash in an isolated Linux sandbox" in told
        assert "`read_output`" in told
        assert "`runbook`" not in told
