"""Logs without a limit get one where the rehearsal has one, and the recording says whose: kubectl against a server that has logs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from aiohttp import web

from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.test_misbehaving import gateway_before

LOG = [f"line {number}" for number in range(1, 13)]
POD = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1", "namespace": "shop"}, "spec": {"containers": [{"name": "app"}]}}
RESOURCE = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
KNOWN = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [RESOURCE]},
    "/api/v1/namespaces/shop/pods/web-1": POD,
}


async def have_logs(request: web.BaseRequest) -> web.Response:
    """An API server with one pod, whose log is read as the kubelet reads it."""
    if not request.path.endswith("/log"):
        known = KNOWN.get(request.path)
        return web.json_response(known or {"kind": "Status", "status": "Failure", "code": 404}, status=200 if known else 404)
    tail = request.query.get("tailLines")
    lines = LOG[-int(tail) :] if tail else LOG
    text = "".join(f"{line}\n" for line in lines)
    return web.Response(text=text[: int(request.query.get("limitBytes", len(text)))])


async def kubectl(apiserver: ApiServer, folder: Path, kubeconfig: str, command: str) -> list[str]:
    """The lines that the command printed."""
    path = folder / "rehearsal.kubeconfig"
    path.write_text(kubeconfig)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        env={"PATH": f"{apiserver.kubectl.parent}:{os.environ['PATH']}", "HOME": str(folder), "KUBECONFIG": str(path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().splitlines()


@pytest.mark.apiserver
@pytest.mark.parametrize("command", ["kubectl logs web-1", "kubectl logs web-1 -f", "kubectl logs web-1 -c app --timestamps=false | cat"])
async def test_a_log_without_a_limit_is_its_last_lines_and_the_recording_says_so(
    apiserver: ApiServer, tmp_path: Path, command: str
) -> None:
    async with gateway_before(have_logs, tmp_path, log_lines=5) as (_, rehearsal):
        printed = await kubectl(apiserver, tmp_path, rehearsal.kubeconfig, command)
        recording = rehearsal.end()

    assert printed == LOG[-5:]
    assert recording.limited == ("pod shop/web-1 (app)",)


@pytest.mark.apiserver
@pytest.mark.parametrize(
    ("option", "expected"),
    [("--tail=9", LOG[-9:]), ("--since=1h", LOG), ("--since-time=2020-01-01T00:00:00Z", LOG), ("--limit-bytes=7", ["line 1"])],
)
async def test_a_log_with_a_limit_is_as_it_was_asked_for(apiserver: ApiServer, tmp_path: Path, option: str, expected: list[str]) -> None:
    async with gateway_before(have_logs, tmp_path, log_lines=5) as (_, rehearsal):
        printed = await kubectl(apiserver, tmp_path, rehearsal.kubeconfig, f"kubectl logs web-1 {option}")
        recording = rehearsal.end()

    assert printed == expected
    assert recording.limited == ()


@pytest.mark.apiserver
@pytest.mark.parametrize("most", [0, 13])
async def test_a_log_that_is_whole_is_not_called_limited(apiserver: ApiServer, tmp_path: Path, most: int) -> None:
    async with gateway_before(have_logs, tmp_path, log_lines=most) as (_, rehearsal):
        printed = await kubectl(apiserver, tmp_path, rehearsal.kubeconfig, "kubectl logs web-1")
        recording = rehearsal.end()

    assert printed == LOG
    assert recording.limited == ()


async def test_one_of_the_two_streams_of_a_log_is_left_as_it_was_asked_for(tmp_path: Path) -> None:
    async with gateway_before(have_logs, tmp_path, log_lines=5) as (client, _):
        code, text = await client.ask("GET", "/api/v1/namespaces/shop/pods/web-1/log?stream=Stdout")

    assert (code, text.split("\n")[0]) == (200, "line 1")
