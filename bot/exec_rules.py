"""The setting that lets execs pass without approval."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

ANY_ARGUMENT = "*"
"""Stands for one argument in `ExecRule.command`."""

_UNSAFE_PROGRAMS = (
    "env printenv export sh bash dash ash zsh ksh mksh fish csh tcsh busybox toybox python perl ruby node php lua awk gawk mawk sed find "
    "xargs tee dd tar vi vim nano ssh su sudo doas chroot nsenter unshare setsid nohup nice timeout watch time strace gdb kubectl"
)
"""Programs that show environments, run others, or write: no list of arguments makes them harmless."""


class ExecRule(BaseModel):
    """Execs that run during a rehearsal without approval: those with exactly these arguments and no input, as the cluster's `writer`.

    `cat` of a file that you name is harmless where you know the image; `cat *` reads whatever the container can."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str = ""
    """The cluster's name; empty means every cluster."""
    namespace: str
    """The pod's namespace."""
    container: str = ""
    """The container; empty means every one."""
    command: tuple[str, ...] = Field(min_length=1)
    """The program and its arguments, each to the letter. `*` stands for one argument that does not begin with `-` and names no path
    with the part `proc`, `secrets`, `environ` or `..`."""

    @field_validator("command")
    @classmethod
    def _check_program(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        program = re.sub(r"[\d.]+$", "", command[0].rpartition("/")[2])
        if ANY_ARGUMENT in command[0] or not program:
            raise ValueError("the program must be named to the letter")
        if program in _UNSAFE_PROGRAMS.split():
            raise ValueError(f"{command[0]} shows environments, runs other programs or writes, so it always asks for approval: remove it")
        if any("environ" in word.split("/") for word in command):
            raise ValueError("the environment of a process holds secrets, so it always asks for approval: remove it")
        if any(ANY_ARGUMENT in word and word != ANY_ARGUMENT for word in command):
            raise ValueError("`*` stands for a whole argument, not for a part of one")
        return command
