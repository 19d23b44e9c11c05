"""An output that the thread keeps whole: jq runs over it in the thread's gVisor sandbox, and five megabytes of it are searched."""

from __future__ import annotations

import json

import pytest

from bot.devslack.driver import Driver
from tests.e2e.conftest import Bots, Script
from tests.e2e.model import listening_model
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


async def test_five_megabytes_are_kept_whole_and_the_needle_is_found_in_them(bots: Bots, slack: Driver, namespace: str) -> None:
    filler = f"yes {'x' * 99} | head -n 25000"
    finding = {"call": {"name": "read_output", "args": {"output": 1, "grep": "needle"}}}
    rules = [
        {"when": {"question": "haystack", "step": 0}, "reply": [call(f"{filler}; echo the needle; {filler}")]},
        {"when": {"question": "haystack", "step": 1}, "reply": [finding]},
        {"when": {"answer": r"(?P<line>\d+):the needle", "step": 2}, "reply": [{"text": "It is in line ${line}."}]},
        {"when": {}, "reply": [{"text": "I found nothing."}]},
    ]
    async with listening_model(json.dumps({"models": ["scripted"], "rules": rules})) as model:
        bot = bots.make(namespace=namespace, model=model.environment)
        await bot.start()
        people = Oncall(slack)

        thread = await people.ask("search the haystack")
        await people.says(thread, "It is in line 25001.")

    printed, found = (json.loads(row["data"])["result"] for row in bot.database.rows("SELECT data FROM entries WHERE kind = 'answered'"))
    half = f"{'x' * 99}\n" * 25_000
    assert len(printed["stdout"]) == 5_000_011
    assert printed["stdout"] == f"{half}the needle\n{half}"
    assert found["stdout"] == "25001:the needle"
    assert max(len(body) for body in model.bodies) < 200_000
