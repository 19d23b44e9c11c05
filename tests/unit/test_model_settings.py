"""Which model is asked, from the file and from the usual environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import load
from bot.settings_model import ModelSettings


def read(tmp_path: Path, text: str, environment: dict[str, str]) -> ModelSettings:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environment).model


def test_a_gemini_key_is_all_that_gemini_needs(tmp_path: Path) -> None:
    model = read(tmp_path, "", {"GEMINI_API_KEY": "k", "OPENAI_API_KEY": "other", "OPENAI_BASE_URL": "http://other"})

    assert (model.provider, model.model, model.api_key.get_secret_value(), model.base_url) == ("gemini", "gemini-3.6-flash", "k", "")
    assert model.is_set_up


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
def test_a_local_openai_service_needs_no_key(tmp_path: Path, name: str) -> None:
    model = read(tmp_path, "", {"MODEL_PROVIDER": "openai", name: "http://127.0.0.1:11434/v1", "OPENAI_MODEL": "qwen3"})

    assert (model.provider, model.model, model.base_url) == ("openai", "qwen3", "http://127.0.0.1:11434/v1")
    assert model.is_set_up


def test_azure_is_an_endpoint_a_key_and_a_deployment(tmp_path: Path) -> None:
    environment = {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_DEPLOYMENT": "d"}

    model = read(tmp_path, "model: {provider: openai}", environment)

    assert (model.azure_endpoint, model.api_key.get_secret_value(), model.model) == ("https://x.openai.azure.com", "k", "d")


def test_vertex_ai_takes_project_and_location(tmp_path: Path) -> None:
    environment = {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "europe-west4", "GEMINI_API_KEY": "unused"}

    model = read(tmp_path, "model: {provider: vertex}", environment)

    assert (model.project, model.location, model.model) == ("p", "europe-west4", "gemini-3.6-flash")
    assert model.api_key.get_secret_value() == ""
    assert model.is_set_up


def test_the_fallback_has_its_own_provider_and_keeps_its_own_name(tmp_path: Path) -> None:
    text = "model: {name: gemini-a, fallback: {provider: openai, name: small}}"

    model = read(tmp_path, text, {"GEMINI_API_KEY": "g", "GEMINI_MODEL": "gemini-b", "OPENAI_API_KEY": "o", "OPENAI_MODEL": "big"})

    assert model.fallback is not None
    assert (model.model, model.api_key.get_secret_value()) == ("gemini-b", "g")
    assert (model.fallback.model, model.fallback.api_key.get_secret_value()) == ("small", "o")


def test_an_unknown_provider_is_refused_with_the_ones_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.provider: .*'gemini', 'vertex' or 'openai'"):
        read(tmp_path, "model: {provider: bedrock}", {})


def test_without_a_key_nothing_is_set_up(tmp_path: Path) -> None:
    assert not read(tmp_path, "", {}).is_set_up
    assert not read(tmp_path, "model: {provider: openai}", {}).is_set_up


def test_models_to_choose_have_their_own_names_and_take_the_rest_from_the_environment(tmp_path: Path) -> None:
    text = "model: {choices: [{name: large}, {provider: openai, name: small}]}"

    model = read(tmp_path, text, {"GEMINI_API_KEY": "g", "GEMINI_MODEL": "usual", "OPENAI_API_KEY": "o", "OPENAI_MODEL": "big"})

    assert [choice.model for choice in model.choices] == ["large", "small"]
    assert [choice.api_key.get_secret_value() for choice in model.choices] == ["g", "o"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model: {name: a, choices: [{name: a}]}", "the model a is there already"),
        ("model: {name: a, choices: [{name: b}, {name: b}]}", "the model b is there already"),
        ("model: {name: a, fallback: {name: b}, choices: [{name: b}]}", "the model b is there already"),
        ("model: {name: a, choices: [{provider: openai}]}", "every entry of `choices` needs a `name`"),
    ],
)
def test_a_name_that_would_choose_two_models_or_none_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read(tmp_path, text, {})


PRICE = "{input: 0.3, output: 2.5}"


@pytest.mark.parametrize("budget", ["turn", "thread", "person", "channel", "day"])
def test_a_budget_of_money_needs_a_price_for_every_model(tmp_path: Path, budget: str) -> None:
    text = (
        f"budgets: {{{budget}: {{money: 2}}, prices: {{a: {PRICE}}}}}\n"
        "model: {name: a, fallback: {name: b, provider: openai}, choices: [{name: c}]}"
    )

    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, {"GEMINI_API_KEY": "k"})

    assert f"budgets limits the money of {budget}, and there is no price for b, c: add it to `budgets.prices`" in str(caught.value)


@pytest.mark.parametrize(
    "budgets",
    [
        "{turn: {tokens: 9}}",
        f"{{turn: {{money: 2}}, prices: {{a: {PRICE}}}}}",
    ],
)
def test_without_a_budget_of_money_or_with_all_prices_the_settings_are_right(tmp_path: Path, budgets: str) -> None:
    assert read(tmp_path, f"budgets: {budgets}\nmodel: {{name: a}}", {"GEMINI_API_KEY": "k"}).names == ("a",)


def test_without_a_model_no_price_is_missing(tmp_path: Path) -> None:
    assert not read(tmp_path, "budgets: {turn: {money: 2}}\nmodel: {required: false}", {}).is_set_up
