"""The model of the settings, opened and checked at start."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack

import pytest

from bot.agent.models import opening
from bot.errors import ModelRefusedError, ModelUnavailableError
from bot.settings_model import ModelChoice, ModelSettings
from tests.fakes import FakeModel, say


class Checked(FakeModel):
    """A model whose check goes wrong in the given ways, one after the other."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__(lambda _: say("never"))
        self.failures = list(failures)

    async def check(self) -> None:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)


async def check(model: Checked) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await opening.check(model, sleep)
    return slept


async def test_a_service_that_is_away_for_a_moment_is_waited_for() -> None:
    assert await check(Checked(ModelUnavailableError("Away."), ModelUnavailableError("Away."))) == [2.0, 4.0]


async def test_a_service_that_stays_away_is_an_error() -> None:
    model = Checked(*[ModelUnavailableError("Away.")] * 4)

    with pytest.raises(ModelUnavailableError):
        await check(model)

    assert model.asked == 4


async def test_a_refusal_is_not_repeated() -> None:
    model = Checked(ModelRefusedError("No such model."))

    with pytest.raises(ModelRefusedError):
        await check(model)

    assert model.asked == 1


@pytest.mark.parametrize(("provider", "needed", "spared"), [("openai", "openai", "google.genai"), ("gemini", "google.genai", "openai")])
def test_only_the_library_that_is_used_is_imported(provider: str, needed: str, spared: str) -> None:
    program = (
        "import sys\nfrom bot.agent.models.opening import open_model\nfrom bot.settings_model import ModelChoice\nimport bot.app\n"
        f"assert not {{'openai', 'google.genai'}} & set(sys.modules)\nopen_model(ModelChoice(provider={provider!r}), 1.0)\n"
        f"assert {needed!r} in sys.modules and {spared!r} not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_every_provider_has_an_adapter() -> None:
    for provider in ("gemini", "vertex", "openai"):
        assert opening.open_model(ModelChoice(provider=provider, name="m"), 1.0).name == "m"  # type: ignore[arg-type]


async def test_a_model_to_choose_that_has_no_key_is_a_problem_that_names_it() -> None:
    problems: list[str] = []
    wanted = ModelSettings(provider="vertex", name="usual", choices=(ModelChoice(name="large"),))

    async with AsyncExitStack() as stack:
        await opening.open_models(wanted, stack, problems)

    assert "The model large: Set GEMINI_API_KEY." in problems
