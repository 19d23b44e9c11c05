"""The models of the settings are looked up at start, each at its service."""

from __future__ import annotations

from contextlib import AsyncExitStack

from pydantic import SecretStr

from bot.agent.models.opening import open_models
from bot.settings_model import ModelChoice, ModelSettings
from tests.integration.agent.conftest import Open

SCRIPT = "models: [usual, large]\nrules: []\n"


async def test_a_model_that_is_not_served_is_a_problem_that_names_it_and_what_is_served(open_bench: Open) -> None:
    address = f"{(await open_bench(SCRIPT, 'openai', name='usual')).address}/v1"
    problems: list[str] = []

    def choice(name: str) -> ModelChoice:
        return ModelChoice(provider="openai", name=name, api_key=SecretStr("k"), base_url=address)

    wanted = ModelSettings(
        provider="openai", name="usual", api_key=SecretStr("k"), base_url=address, choices=(choice("large"), choice("lagre"))
    )
    async with AsyncExitStack() as stack:
        opened = await open_models(wanted, stack, problems)

    assert [model.name for model in (*opened.asked, *opened.others)] == ["usual", "large", "lagre"]
    [problem] = problems
    assert problem.startswith("The model lagre: There is no model lagre at this service.")
    assert "large, usual" in problem
