"""A jq program of the model runs in the thread's gVisor sandbox, over an output that the thread keeps."""

from __future__ import annotations

import json

import pytest

from bot.devslack.driver import Driver
from tests.e2e.conftest import Bots, Script
from tests.e2e.parts import until
from tests.e2e.test_main_job import Oncall, call

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PROGRAM = '[.items[] | select(.metadata.name | test("^we")) | {name: .metadata.name, replicas: .spec.replicas}]'


async def test_a_program_of_jq_runs_where_commands_run(bots: Bots, slack: Driver, script: Script, namespace: str) -> None:
    reading = {"call": {"name": "read_output", "args": {"output": 1, "jq": PROGRAM}}}
    rules = [
        {"when": {"question": "replicas", "step": 0}, "reply": [call(f"kubectl -n {namespace} get deployments -o json")]},
        {"when": {"question": "replicas", "step": 1}, "reply": [reading]},
        {"when": {"question": "replicas", "step": 2}, "reply": [{"text": "Web has one replica."}]},
    ]
    script.play({"models": ["scripted"], "rules": rules})
    bot = bots.make(namespace=namespace)
    await bot.start()
    people = Oncall(slack)

    thread = await people.ask("how many replicas has web?")
    await people.says(thread, "Web has one replica.")
    answered = await until("both calls are answered", lambda: bot.database.rows("SELECT data FROM entries WHERE kind = 'answered'")[1:])

    result = json.loads(answered[0]["data"])["result"]
    assert (result["exit_code"], json.loads(result["stdout"])) == (0, [{"name": "web", "replicas": 1}])
