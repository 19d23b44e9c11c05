"""What comes of comparing a recorded row with the same row computed again, and why some of it cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What came of a row's comparison."""

    EQUAL = "equal"
    GIVEN = "given"  # it came from outside, at the right step
    UNKNOWN = "not comparable"  # the row does not tell what it was computed from
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict about one row. `expected` and `found` are texts to compare line by line. `note` is a sentence: what differs, or, of a
    row that does not, what of it could not be compared and why."""

    verdict: Verdict
    note: str = ""
    expected: str = ""
    found: str = ""


EQUAL = Finding(Verdict.EQUAL)

SAID = Finding(Verdict.GIVEN, "What a person wrote or pressed is theirs.")
PRINTED = Finding(
    Verdict.GIVEN,
    "What a command or a tool printed came from outside; what the bot added to it is compared, and the requests that show it to a model.",
)
RECORDED = Finding(Verdict.GIVEN, "What a rehearsal recorded came from the cluster; only who asked for what is compared.")
LOOKED_UP = Finding(Verdict.GIVEN, "What a runbook says is in the installer's files, and not in the rows.")
NOT_UNDONE = Finding(Verdict.GIVEN, "Why a change could not be undone was found out in the cluster.")
FAILED = Finding(
    Verdict.GIVEN, "Why a turn failed was said by a model's service, or by a part of the bot that broke; only the place is compared."
)
SUMMED_UP = Finding(Verdict.GIVEN, "The words of a summary are a model's, and no digest of them is kept; only what it covers is compared.")

TIMED = Finding(Verdict.EQUAL, "How long a reply took is by the clock, and what it cost is by the prices of that day.")
NAMED = Finding(Verdict.EQUAL, "What a person is called is as the chat had it.")

OF_THE_DAY = Finding(Verdict.UNKNOWN, "What was used up on a day is in the rows of other threads too; only the sentence is compared.")
FORGOTTEN = Finding(Verdict.UNKNOWN, "The requests of an old change are forgotten, and what came of each of them with them.")
UNTOLD_CHANGE = Finding(Verdict.UNKNOWN, "Some rows are from before rows kept what was known of a change.")
UNTOLD_REQUEST = Finding(Verdict.UNKNOWN, "Some rows are from before rows kept what a model was asked.")
UNTOLD_ROOM = Finding(Verdict.UNKNOWN, "Some rows are from before rows kept what the conversation was to fit in.")


def compare(expected: object, found: object, equal: Finding = EQUAL) -> Finding:
    """`equal`, or what differs, byte for byte."""
    return equal if expected == found else Finding(Verdict.DIFFERS, "", describe(expected), describe(found))


def describe(value: object) -> str:
    """A value with one field per line, the lines of its texts on lines of their own."""
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None:
        text = value if isinstance(value, str) else repr(value)
        return text if "\n" not in text else "\n" + "\n".join(f"    {line!r}" for line in text.splitlines(keepends=True))
    return "\n".join(f"{name}: {describe(getattr(value, name))}" for name in fields)
