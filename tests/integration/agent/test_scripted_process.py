"""The scripted model as the program that the demo and the end-to-end tests start."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr

from bot.agent.models.gemini import GeminiModel
from bot.agent.models.scripted import main
from bot.settings_model import ModelChoice
from bot.values.transcript import Asked, Mode


async def test_the_program_serves_the_demo_and_ends_when_told() -> None:
    arguments = ("-m", "bot.agent.models.scripted", "--port", "0")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    said = (await process.stdout.readline()).decode()
    model = GeminiModel(ModelChoice(name="scripted-demo", api_key=SecretStr("any"), base_url=said.split()[-1]), 30.0)

    try:
        await model.check()
        reply = await model.reply("", [Asked(1, "U1", "who are you?", Mode.QUESTION)], (), lambda _: None)
    finally:
        await model.close()
        process.terminate()
        await process.wait()

    assert said.startswith("Scripted model (scripted-demo) on http://127.0.0.1:")
    assert "a script and not a model" in reply.text


def test_a_script_that_cannot_be_read_is_exit_code_two(tmp_path: Path) -> None:
    assert main(["--script", str(tmp_path / "absent.yaml")]) == 2


def test_a_port_that_is_taken_is_exit_code_two(unused_tcp_port: int) -> None:
    async def occupied() -> int:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", unused_tcp_port)
        async with server:
            return await asyncio.to_thread(main, ["--port", str(unused_tcp_port)])

    assert asyncio.run(occupied()) == 2
