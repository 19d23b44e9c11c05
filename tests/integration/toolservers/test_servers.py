"""MCP servers over both transports: their tools, their answers, their failures."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.settings_mcp import McpAuth, McpServerSettings, McpSettings
from bot.toolservers.servers import ToolServers, open_servers
from bot.values.execs import Output
from bot.values.tool_use import ToolUse

SERVER = Path(__file__).with_name("server.py")
SECONDS = 60.0


def over_stdio(notes: Path, name: str = "tickets") -> McpServerSettings:
    environment = {"EXTRA": SecretStr("1")}
    return McpServerSettings(name=name, command=sys.executable, args=(str(SERVER), str(notes)), env=environment, timeout=SECONDS)


@asynccontextmanager
async def over_http(notes: Path) -> AsyncIterator[McpServerSettings]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(SERVER), str(notes), "k", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield McpServerSettings(name="tickets", url=f"http://127.0.0.1:{port}/mcp", auth=McpAuth(token=SecretStr("k")), timeout=SECONDS)
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def opened(server: McpServerSettings, *trusted: str) -> AsyncIterator[ToolServers]:
    problems: list[str] = []
    async with open_servers(McpSettings(servers=(server,), trusted=trusted), ["shell"], problems) as servers:
        assert problems == []
        yield servers


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


async def test_a_program_offers_tools_and_answers_in_text_without_credentials(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "secret")
    calls: list[tuple[str, dict[str, object]]] = [
        ("close_ticket", {"number": 7, "why": "done"}),
        ("search", {"words": "disks"}),
        ("picture", {}),
        ("fails", {}),
        ("search", {"word": 1}),
        ("environment", {}),
    ]
    async with opened(over_stdio(notes), "tickets") as servers:
        offered = {served.tool.name: served for served in servers.tools}
        closed, found, picture, failed, wrong, names = [
            (await servers.call(ToolUse("tickets", tool, arguments))).output for tool, arguments in calls
        ]

    assert offered["tickets_search"].is_read_only
    assert not offered["tickets_close_ticket"].is_read_only
    assert offered["tickets_search"].tool.description.startswith("Finds tickets by words.")
    assert offered["tickets_close_ticket"].tool.parameters["required"] == ["number"]
    assert (closed, notes.read_text()) == (Output(0, "ticket 7 is closed"), "closed 7 done\n")
    assert found == Output(0, "ticket 7 about disks; password=[redacted: a credential]")
    assert picture.stdout == "the queue\n(image/png, 3 bytes, which cannot be shown)"
    assert (failed.exit_code, "the database is away" in failed.stdout) == (1, True)
    assert (wrong.exit_code, "words" in wrong.stdout) == (1, True)
    assert "EXTRA" in names.stdout.split()
    assert "GEMINI_API_KEY" not in names.stdout.split()


async def test_a_server_over_http_is_used_with_its_key_and_not_without(notes: Path) -> None:
    problems: list[str] = []
    async with over_http(notes) as server, opened(server, "tickets") as servers:
        found = await servers.call(ToolUse("tickets", "search", {"words": "disks"}))
        locked = server.model_copy(update={"auth": McpAuth(token=SecretStr("wrong"))})

        async with open_servers(McpSettings(servers=(locked,)), [], problems) as without:
            assert without.tools == ()

    assert "ticket 7 about disks" in found.output.stdout
    assert problems == [
        f"The MCP server tickets cannot be used, for {server.url} refuses the credentials (status 401): "
        "correct MCP_TICKETS_TOKEN or `auth` of this server in `mcp.servers`."
    ]


async def test_a_server_that_dies_in_a_call_gave_no_answer_and_the_next_call_finds_a_new_one(notes: Path) -> None:
    async with opened(over_stdio(notes), "tickets") as servers:
        lost = await servers.call(ToolUse("tickets", "dies", {"number": 1}))
        after = await servers.call(ToolUse("tickets", "search", {"words": "x"}))

    assert (lost.has_started, lost.output.exit_code) == (True, None)
    assert lost.why
    assert after.output.exit_code == 0
    assert notes.read_text() == "died 1\n"


async def test_a_program_that_is_not_there_is_a_problem_that_says_what_to_do() -> None:
    problems: list[str] = []

    async with open_servers(McpSettings(servers=(McpServerSettings(name="gone", command="/no/such/program"),)), [], problems) as servers:
        never = await servers.call(ToolUse("gone", "x", {}))

    assert problems == [
        "The MCP server gone cannot be used, for there is no program /no/such/program: "
        "install it where the bot runs, or correct `command` in `mcp.servers`."
    ]
    assert not never.has_started
    assert "gone cannot be reached" in never.why


async def test_hints_of_a_server_that_is_not_trusted_count_for_nothing_and_a_name_that_is_taken_is_a_problem(notes: Path) -> None:
    problems: list[str] = []

    async with open_servers(McpSettings(servers=(over_stdio(notes),)), ["tickets_search"], problems) as servers:
        offered = servers.tools

    assert problems == ["Two tools are named tickets_search: rename the server tickets in `mcp.servers`."]
    assert not any(served.is_read_only for served in offered)
    assert all("waits for approval" in served.tool.description for served in offered)


async def test_a_program_that_says_nothing_is_given_up_and_ended(tmp_path: Path) -> None:
    mute = tmp_path / "mute.sh"
    mute.write_text(f"echo $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600\n")
    problems: list[str] = []
    server = McpServerSettings(name="mute", command="bash", args=(str(mute),), timeout=0.5)

    async with open_servers(McpSettings(servers=(server,)), [], problems):
        pass

    assert problems == [
        "The MCP server mute cannot be used, for it did not answer within 0.5 s: "
        "raise its `timeout` in `mcp.servers` if it is slow, or correct or remove it."
    ]
    if (tmp_path / "pid").exists():  # it may have been ended before it came that far
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_server_that_is_not_in_the_settings_is_not_called() -> None:
    async with open_servers(McpSettings(), [], []) as servers:
        answer = await servers.call(ToolUse("tickets", "search", {}))

    assert (answer.has_started, answer.why) == (False, "there is no server tickets in the settings")


async def test_a_server_of_each_kind_that_cannot_be_used_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    text = tmp_path / "words.txt"
    text.write_text("no program")
    text.chmod(0o755)
    async with answering() as address:
        servers = (
            McpServerSettings(name="ends", command="bash", args=("-c", "exit 3"), timeout=SECONDS),
            McpServerSettings(name="words", command=str(text), timeout=SECONDS),
            McpServerSettings(name="nobody", url=f"http://me:secret@127.0.0.1:{unused_port()}/mcp?key=secret", timeout=SECONDS),
            McpServerSettings(name="locked", url=f"{address}/401", timeout=SECONDS),
            McpServerSettings(name="my-key", url=f"{address}/403", auth=McpAuth(type="api-key"), timeout=SECONDS),
            McpServerSettings(name="lost", url=f"{address}/404", timeout=SECONDS),
            McpServerSettings(name="ill", url=f"{address}/500", timeout=SECONDS),
            McpServerSettings(name="page", url=f"{address}/200", timeout=SECONDS),
        )
        problems: list[str] = []
        async with open_servers(McpSettings(servers=servers), [], problems) as opened_:
            assert (opened_.tools, opened_.found) == ((), ())

    told = {problem.split()[3]: problem.partition(" cannot be used, for ")[2] for problem in problems}
    assert list(told) == [server.name for server in servers]
    assert told["ends"].startswith(
        "the program bash ended, or answered with an error (Connection closed): what it wrote to stderr says why"
    )
    assert told["words"] == f"the program {text} cannot be run (Exec format error): correct `command` in `mcp.servers`."
    assert re.fullmatch(
        r"http://127\.0\.0\.1:\d+/mcp cannot be reached \(.*\): start it, or correct its `url` in `mcp.servers`.", told["nobody"]
    )
    assert told["locked"] == f"{address}/401 wants credentials (status 401): set `auth` of this server in `mcp.servers`."
    assert "correct MCP_MY_KEY_API_KEY or `auth`" in told["my-key"]
    assert told["lost"] == f"there is nothing at {address}/404 (status 404): correct the path of its `url` in `mcp.servers`."
    assert told["ill"].startswith(f"{address}/500 answers with status 500: look into its log")
    assert told["page"].startswith(f"what answers at {address}/200 is no MCP server (")
    assert not any("\n" in problem or "secret" in problem for problem in problems)


READS = "search, picture, fails, environment"


@pytest.mark.parametrize(
    ("trusted", "says"),
    [
        (
            ("tickets",),
            "The MCP server tickets lists 6 tools; those that say that they only read run without approval, since `mcp.trusted` names it: "
            f"{READS}; calls of the others wait for it: close_ticket, dies.",
        ),
        (
            (),
            f"The MCP server tickets lists 6 tools; each call waits for approval: {READS}, close_ticket, dies. `mcp.trusted` does not "
            f"name the server; if it did, those that say that they only read would run without: {READS}.",
        ),
    ],
)
@pytest.mark.parametrize("is_remote", [False, True], ids=["stdio", "http"])
async def test_what_a_server_lists_and_what_runs_without_approval_is_told(
    notes: Path, trusted: tuple[str, ...], says: str, is_remote: bool
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(over_http(notes)) if is_remote else over_stdio(notes)
        servers = await stack.enter_async_context(opened(server, *trusted))

        assert servers.found == (says,)
        assert {served.name for served in servers.tools if served.is_read_only} == (set(READS.split(", ")) if trusted else set())


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """The address of a web server that is none of MCP: it answers each path with the status that it names."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), text="<html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{status}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
