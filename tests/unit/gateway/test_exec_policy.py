"""Which execs pass without approval, and which rules the settings refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.errors import ConfigError
from bot.exec_rules import ExecRule
from bot.gateway.streams.exec_policy import passes
from bot.settings import load
from bot.values.requests import RecordedConnect, RequestInfo

RULES = [
    ExecRule(namespace="shop", container="app", command=("cat", "/etc/resolv.conf")),
    ExecRule(namespace="shop", command=("ls", "-l", "*")),
    ExecRule(namespace="shop", command=("nslookup", "*")),
]


def connect(*argv: str, namespace: str = "shop", container: str = "app") -> RecordedConnect:
    info = RequestInfo("create", True, f"/api/v1/namespaces/{namespace}/pods/web/exec", "", "v1", "pods", "exec", namespace, "web")
    return RecordedConnect(info, container, argv)


@pytest.mark.parametrize(
    "asked",
    [
        connect("cat", "/etc/resolv.conf"),
        connect("ls", "-l", "/tmp"),
        connect("ls", "-l", "a b;rm -rf *"),
        connect("nslookup", "db", container="other"),
    ],
)
def test_listed_arguments_pass(asked: RecordedConnect) -> None:
    assert passes(RULES, asked)


@pytest.mark.parametrize(
    "asked",
    [
        connect("cat", "/etc/passwd"),
        connect("cat", "/etc/resolv.conf", "/etc/passwd"),
        connect("cat"),
        connect("/bin/cat", "/etc/resolv.conf"),
        connect("cat", "/etc/resolv.conf", namespace="bank"),
        connect("cat", "/etc/resolv.conf", container="sidecar"),
        connect("ls", "-l", "-R"),
        connect("ls", "-l", ""),
        connect("ls", "-l", "/proc/1/environ"),
        connect("ls", "-l", "/var/run/secrets/kubernetes.io/serviceaccount"),
        connect("ls", "-l", "/tmp/../proc"),
        connect("sh", "-c", "ls"),
    ],
)
def test_everything_else_asks(asked: RecordedConnect) -> None:
    assert not passes(RULES, asked)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_nothing_passes_without_a_rule(argv: list[str]) -> None:
    assert not passes([], connect(*argv))


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_a_rule_of_letters_passes_itself_alone(argv: list[str]) -> None:
    assert passes(RULES, connect(*argv)) == (
        tuple(argv) == ("cat", "/etc/resolv.conf")
        or (argv[:2] == ["ls", "-l"] and len(argv) == 3 and passes(RULES[1:2], connect(*argv)))
        or (argv[0] == "nslookup" and len(argv) == 2 and passes(RULES[2:], connect(*argv)))
    )


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("env",), "always asks"),
        (("/usr/bin/env", "*"), "always asks"),
        (("sh", "-c", "ls"), "always asks"),
        (("/bin/bash",), "always asks"),
        (("python3.12", "-V"), "always asks"),
        (("busybox", "ls"), "always asks"),
        (("cat", "/proc/1/environ"), "environment of a process"),
        (("*", "x"), "to the letter"),
        (("/bin/",), "to the letter"),
        (("ls", "/tmp/*"), "whole argument"),
        ((), "at least 1"),
    ],
)
def test_a_rule_that_could_do_harm_is_refused(command: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ExecRule(namespace="shop", command=command)


def test_the_settings_file_names_the_rule_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("gateway: {exec_allow: [{namespace: shop, command: [ls]}, {namespace: shop, command: [env]}]}")

    with pytest.raises(ConfigError, match=r"gateway\.exec_allow\.1\.command: .*always asks for approval"):
        load(file, {})
