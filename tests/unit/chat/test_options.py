"""The command line of `chat`, in kubectl-ai's forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.chat.options import load_settings, parse
from bot.errors import ConfigError


@pytest.mark.parametrize(("word", "is_quiet"), [("--quiet", True), ("--quiet=true", True), ("--quiet=false", False), ("--quiet=0", False)])
def test_switches_are_written_as_in_go(word: str, is_quiet: bool) -> None:
    options = parse([word, "why is the shop down?"])

    assert (options.is_quiet, options.question) == (is_quiet, "why is the shop down?")


def test_options_of_kubectl_ai_that_change_nothing_are_told() -> None:
    options = parse(["--enable-tool-use-shim=true", "--mcp-client", "--remove-workdir=false", "-v", "4", "x"])

    assert [sentence.partition(":")[0] for sentence in options.without_effect] == ["--enable-tool-use-shim", "--mcp-client"]


@pytest.mark.parametrize("words", [["--resume-session", "20260101-1"], ["--resume-session=20260101-1"], ["--resume", "20260101-1"]])
def test_an_earlier_conversation_is_named_as_in_kubectl_ai(words: list[str]) -> None:
    assert parse(words).resumes == "20260101-1"
    assert [parse([word]).lists_sessions for word in ("--list-sessions", "--list", "--list-sessions=false")] == [True, True, False]


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(["--approve-everything"])

    assert exit_.value.code == 2
    assert "--approve-everything" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["--mcp-server"], "kubectl-ai-slack mcp-server"),
        (["--extra-prompt-paths", "more.md"], "`instructions`"),
        (["--custom-tools-config=tools.yaml"], "`tools.path`"),
        (["--ui-type", "web"], "kubectl-ai-slack serve"),
    ],
)
def test_an_option_that_only_kubectl_ai_has_is_refused_with_what_to_do_instead(
    words: list[str], instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse([*words, "why?"])

    assert exit_.value.code == 2
    assert instead in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--sandbox", "--sandbox=k8s", "--sandbox=agent-sandbox"])
def test_a_sandbox_is_asked_for_as_in_kubectl_ai(word: str) -> None:
    assert parse([word, "why?"]).is_sandboxed


def test_the_command_line_wins_over_file_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("model: {name: from-the-file, max_steps: 7, context_tokens: 5000}")
    options = parse(["--config", str(path), "--model", "from-the-line", "--max-iterations", "3"])

    model = load_settings(options, {"GEMINI_API_KEY": "k", "GEMINI_MODEL": "from-the-environment"}).model

    assert (model.name, model.max_steps, model.context_tokens, model.api_key.get_secret_value()) == ("from-the-line", 3, 5000, "k")


@pytest.mark.parametrize(
    ("provider", "environment", "expected"),
    [
        ("vertexai", {"GOOGLE_CLOUD_PROJECT": "p"}, ("vertex", "", "")),
        ("openai", {"OPENAI_API_KEY": "k"}, ("openai", "", "k")),
        ("grok", {"GROK_API_KEY": "g", "OPENAI_API_KEY": "k"}, ("openai", "https://api.x.ai/v1", "g")),
        ("ollama", {}, ("openai", "http://127.0.0.1:11434/v1", "")),
        ("ollama", {"OLLAMA_HOST": "10.1.2.3:11434"}, ("openai", "http://10.1.2.3:11434/v1", "")),
        ("llamacpp", {"LLAMACPP_HOST": "http://llama:8080/"}, ("openai", "http://llama:8080/v1", "")),
    ],
)
def test_providers_have_the_names_of_kubectl_ai(provider: str, environment: dict[str, str], expected: tuple[str, str, str]) -> None:
    model = load_settings(parse(["--llm-provider", provider]), environment).model

    assert (model.provider, model.base_url, model.api_key.get_secret_value()) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--llm-provider", "nobody"], "There is no provider nobody"),
        (["--max-iterations", "-3"], "in the environment or the command line:\n  model.max_steps: Input should be greater"),
        (["--max-iterations", "0"], "model.max_steps: Input should be greater"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(parse(arguments), {})


BUDGET = "budgets: {day: {money: 5}, prices: {cheap: {input: 1, output: 2}}}\n"


@pytest.mark.parametrize("arguments", [["--model", "dear"], ["--model", "dear", "--llm-provider", "openai"], []])
@pytest.mark.parametrize("named", ["", "model: {name: cheap}\n"])
def test_a_model_without_a_price_is_refused_where_money_is_limited_whoever_names_it(
    arguments: list[str], named: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(BUDGET + named)
    environment = {"GEMINI_API_KEY": "k", "OPENAI_API_KEY": "k"} | ({} if arguments else {"GEMINI_MODEL": "dear"})

    with pytest.raises(ConfigError, match="limits the money of day, and there is no price for dear"):
        load_settings(parse(["--config", str(path), *arguments]), environment)


def test_a_model_with_a_price_is_taken_instead_of_one_without(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(BUDGET + "model: {name: dear}\n")

    assert load_settings(parse(["--config", str(path), "--model", "cheap"]), {"GEMINI_API_KEY": "k"}).model.name == "cheap"
