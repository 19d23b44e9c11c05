"""Which execs pass without approval: those whose exact arguments the settings list. Pure.

This keeps harmless looks (`cat /etc/resolv.conf`) from asking somebody; it is no wall around what a container holds. What is printed
is redacted like all output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.exec_rules import ANY_ARGUMENT, ExecRule
from bot.values.requests import RecordedConnect

_PRIVATE = frozenset({"proc", "secrets", "environ", ".."})
"""Parts of a path that `*` does not stand for: environments of processes, tokens of service accounts, ways around the two."""


def passes(rules: Iterable[ExecRule], connect: RecordedConnect) -> bool:
    """Whether one of the rules of this cluster lists the exec."""
    return any(
        rule.namespace == connect.info.namespace
        and rule.container in ("", connect.container)
        and len(rule.command) == len(connect.argv)
        and _matches(rule.command, connect.argv)
        for rule in rules
    )


def _matches(pattern: Sequence[str], argv: Sequence[str]) -> bool:
    return all(_stands_for(part, word) for part, word in zip(pattern, argv, strict=True))


def _stands_for(part: str, word: str) -> bool:
    """`*` stands for one argument that is no option (it could change what the program does) and leads to nothing private."""
    if part != ANY_ARGUMENT:
        return part == word
    return bool(word) and not word.startswith("-") and not _PRIVATE & set(word.split("/"))
