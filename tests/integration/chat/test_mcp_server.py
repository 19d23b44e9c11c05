"""The MCP server with the official client, and `approve`, where a person decides about what a client proposed."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.integration.chat.conftest import MAIN, Open, Shop

pytestmark = pytest.mark.apiserver

TOKEN = "a-token-of-this-test"


@asynccontextmanager
async def connect(shop: Shop, *arguments: str) -> AsyncIterator[Client]:
    """A client on stdio; what the server tells on stderr goes to a file."""
    with (shop.folder / "stderr").open("w") as errors:
        parameters = StdioServerParameters(command=sys.executable, args=["-c", MAIN, "mcp-server", *arguments], env=shop.environment)
        async with Client(stdio_client(parameters, errlog=errors), mode="legacy") as client:
            yield client


async def call(client: Client, tool: str, **arguments: str) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def scale(shop: Shop, replicas: int) -> str:
    return f"kubectl -n {shop.namespace} scale deploy/web --replicas={replicas}"


async def test_the_tools_say_honestly_what_they_do(shop: Shop) -> None:
    async with connect(shop) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    hints = {name: (tool.annotations.read_only_hint, tool.annotations.destructive_hint) for name, tool in tools.items() if tool.annotations}
    assert hints == {"rehearse": (False, True), "propose": (False, True), "status": (True, False)}
    assert "not in a sandbox" in (tools["rehearse"].description or "")
    assert "commands are not sandboxed" in (shop.folder / "stderr").read_text()


async def test_a_rehearsal_shows_output_and_difference_and_changes_nothing(shop: Shop) -> None:
    async with connect(shop) as client:
        done = await call(client, "rehearse", command=f"{scale(shop, 5)}; kubectl -n {shop.namespace} get cm settings -o yaml; exit 3")
        waiting = await call(client, "rehearse", command=f"{scale(shop, 5)}; kubectl -n {shop.namespace} rollout status deploy/web")

    assert done["exit_code"] == 3
    assert "deployment.apps/web scaled" in done["stdout"]
    assert "colour: blue" in done["stdout"]
    assert "hunter2" not in done["stdout"]
    assert [(write["name"], write["diff"]) for write in done["writes"]] == [
        ("web", [{"path": "spec.replicas", "old": 2, "new": 5, "op": "replace"}])
    ]
    assert "stopped: waits for Deployment" in waiting["stderr"]  # and not for ever
    assert len(waiting["writes"]) == 1
    assert shop.replicas() == "2"


async def test_a_proposal_happens_when_a_person_approves_it_and_not_before(shop: Shop, open_terminal: Open) -> None:
    async with connect(shop) as client:
        proposed = await call(client, "propose", command=scale(shop, 4))
        waiting = await call(client, "status", id=proposed["id"])
        terminal = await open_terminal("approve", proposed["id"])
        await terminal.expect("spec.replicas  2 → 4")
        await terminal.expect("Apply change 1? [y/n/details]")
        before = shop.replicas()
        terminal.type("y\n")
        await terminal.expect("done · approved by you")
        await terminal.expect("Ctrl-C leaves it to itself")
        terminal.type("\x03")
        code = await terminal.wait()
        after = await call(client, "status", id=proposed["id"])

    assert (proposed["state"], waiting) == ("proposed", proposed)
    assert "kubectl-ai-slack approve 1" in proposed["told"]
    assert proposed["changes"][:2] == ["scale Deployment " + f"{shop.namespace}/web", "  spec.replicas  2 → 4"]
    assert (before, code, after["state"], shop.replicas()) == ("2", 0, "done", "4")


async def test_a_denied_proposal_is_told_with_its_reason(shop: Shop, open_terminal: Open) -> None:
    async with connect(shop) as client:
        proposed = await call(client, "propose", command=scale(shop, 9))
        terminal = await open_terminal("approve", proposed["id"])
        await terminal.expect("Apply change 1?")
        terminal.type("n not on a Friday\n")
        code = await terminal.wait()
        after = await call(client, "status", id=proposed["id"])

    assert (code, after["state"], shop.replicas()) == (3, "denied", "2")
    assert "not on a Friday" in after["told"]


async def test_without_a_terminal_approve_lists_what_waits_and_decides_nothing(shop: Shop) -> None:
    async with connect(shop) as client:
        await call(client, "propose", command=scale(shop, 9))

    listed = await shop.run("approve")
    piped = await shop.run("approve", "1", stdin="y\n")

    assert listed.out.splitlines() == [f"1  proposed  {scale(shop, 9)}"]
    assert (piped.code, piped.err) == (2, "approve: A change is approved by a person in a terminal; run this in one.\n")
    assert shop.replicas() == "2"


async def test_what_changes_nothing_or_does_not_exist_is_said(shop: Shop) -> None:
    async with connect(shop) as client:
        read = await call(client, "propose", command=f"kubectl -n {shop.namespace} get cm settings -o name")
        unknown = [(await call(client, "status", id=id_))["told"] for id_ in ("77", "9" * 40, "mcp:x", "")]
        empty = [await client.call_tool(tool, {"command": "  "}) for tool in ("propose", "rehearse")]

    assert (read["id"], read["state"], read["output"]) == ("", "nothing to change", "configmap/settings")
    assert unknown == [f"There is no proposal {id_}." for id_ in ("77", "9" * 40, "mcp:x", "")]
    assert [answer.is_error for answer in empty] == [True, True]


async def test_what_a_command_printed_comes_with_its_proposal_and_is_bounded(shop: Shop) -> None:
    async with connect(shop) as client:
        read = await call(client, "propose", command="seq -f 'line %.0f' 1 500000; echo over")
        failed = await call(client, "propose", command=f"{scale(shop, 6)}; kubectl -n {shop.namespace} get deploy none")

    assert read["output"].splitlines()[0] == "line 1"
    assert read["output"].splitlines()[-1] == "over"
    assert "left out" in read["output"]
    assert len(read["output"]) <= 200_000
    assert "Its command ended with exit code 1." in failed["told"]
    assert failed["output"].splitlines()[0] == "deployment.apps/web scaled"
    assert 'deployments.apps "none" not found' in failed["output"]


async def test_a_client_that_wants_to_know_hears_that_a_long_command_still_runs(shop: Shop) -> None:
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async with connect(shop) as client:
        done = await client.call_tool("rehearse", {"command": "sleep 12; echo over"}, progress_callback=hear)
        schema = next(tool for tool in (await client.list_tools()).tools if tool.name == "rehearse").input_schema

    assert heard[:2] == [(5.0, "the command still runs"), (10.0, "the command still runs")]
    assert (done.structured_content or {})["stdout"] == "over\n"
    assert list(schema["properties"]) == ["command"]


async def test_over_http_only_who_knows_the_token_gets_in(shop: Shop) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAIN, "mcp-server", "--transport", "http", "--port", "0"),
        env=shop.environment | {"KUBECTL_AI_SLACK_MCP_TOKEN": TOKEN},
        cwd=shop.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while (found := re.search(rb"http://127\.0\.0\.1:\d+/mcp", line := await process.stderr.readline())) is None:
                assert line, "the server ended"
        address = found[0].decode()
        async with httpx2.AsyncClient(timeout=60) as stranger:
            refused = [await stranger.post(address, json={}, headers=headers) for headers in ({}, {"Authorization": "Bearer wrong"})]
            second = await shop.run("mcp-server", "--transport", "http", "--port", address.split(":")[2].partition("/")[0])
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as known,
            Client(streamable_http_client(address, http_client=known), mode="legacy") as client,
        ):
            done = await call(client, "rehearse", command="echo over http")
    finally:
        process.terminate()
        await process.communicate()

    assert [response.status_code for response in refused] == [401, 401]
    assert (second.code, "choose another with --port" in second.err) == (2, True)
    assert done["stdout"] == "over http\n"
