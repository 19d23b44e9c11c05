"""Rules of a script: which one answers, what its reply becomes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bot.agent.models import script as scripts
from bot.agent.models.script import Chunk
from bot.agent.models.scripted import DEMO
from bot.agent.models.wire import Asked
from bot.errors import ConfigError

SCRIPT = scripts.parse("""
rules:
  - when: {question: 'scale (?P<name>\\w+) to (?P<n>\\d+)', step: 0}
    reply: [{call: {args: {command: 'scale ${name} $HOME ${n} $(x) $$'}}}]
  - {when: {question: scale, answer: '^status: (?P<status>\\w+)'}, reply: [{text: '${status}, ${name}'}]}
  - {when: {answers: one}, reply: [{text: seen}]}
""")


def test_the_first_rule_that_fits_answers_with_what_its_patterns_caught() -> None:
    chosen = scripts.choose(SCRIPT, Asked("U1 asks:\nSCALE web to 3", 0, "", ""))

    assert chosen is not None
    index, rule, groups = chosen
    assert index == 0
    (part,) = scripts.parts_of(rule.reply[0], groups, "")
    assert part == {"functionCall": {"name": "shell", "args": {"command": "scale web $HOME 3 $(x) $$"}}}


def test_a_group_that_was_not_caught_stays_as_it_is_written() -> None:
    chosen = scripts.choose(SCRIPT, Asked("scale", 1, "note\nstatus: denied", ""))

    assert chosen is not None
    assert scripts.parts_of(chosen[1].reply[0], chosen[2], "") == [{"text": "denied, ${name}"}]


def test_no_rule_fits() -> None:
    assert scripts.choose(SCRIPT, Asked("hello", 0, "", "")) is None


def test_answers_are_all_since_the_question_and_answer_the_last() -> None:
    assert scripts.choose(SCRIPT, Asked("hello", 2, "two", "one\ntwo")) is not None
    assert scripts.choose(SCRIPT, Asked("scale", 2, "two", "status: ok\ntwo")) is None


def test_a_call_gets_the_services_signature_unless_it_has_its_own() -> None:
    call = Chunk.model_validate({"call": {"args": {}}})
    own = Chunk.model_validate({"call": {"args": {}}, "signature": "mine"})

    (given,) = scripts.parts_of(call, {}, "theirs")
    (kept,) = scripts.parts_of(own, {}, "theirs")

    assert base64.b64decode(given["thoughtSignature"]) == b"theirs"
    assert base64.b64decode(kept["thoughtSignature"]) == b"mine"
    assert scripts.parts_of(Chunk(text="x"), {}, "theirs") == [{"text": "x"}]


@pytest.mark.parametrize(
    "text",
    ["rules: 3", "rules: [{reply: [{txt: a}]}]", "rules: [{when: {question: '('}}]", "rules: [", "- a", "", "rules: [{when: {step: x}}]"],
)
def test_a_script_that_is_none_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ConfigError, match="the script is not"):
        scripts.parse(text)


def test_a_missing_file_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        scripts.load(tmp_path / "absent.yaml")


def test_the_demo_says_what_it_is_and_has_an_answer_to_everything() -> None:
    demo = scripts.load(DEMO)

    assert demo.models == ("scripted-demo",)
    assert demo.rules[-1].when.groups(Asked("anything at all", 5, "", "")) == {}
    assert "a script and not a model" in (demo.rules[-1].reply[0].text or "")
