"""The command line of `chat`. Where kubectl-ai has an option for the same thing, it has the same name and the same form."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot import settings as settings_
from bot.errors import ConfigError
from bot.local.world import STATE
from bot.settings import Settings

EPILOG = """\
Without a QUESTION, and with a terminal, it asks for one at a prompt. What comes on a standard input that is no terminal is the rest of the
question; where stdout is a terminal, what is to be decided is asked there all the same. Exit code: 0 answered, 1 no answer, 2 it could not
start, 3 something would have to be changed and was not, 130 interrupted."""

_SWITCHES: Mapping[str, str] = {
    "--quiet": "answer one question, then exit",
    "--skip-permissions": "approve every change by rule: it is still rehearsed, shown, checked again, recorded and audited",
    "--show-tool-output": "print what commands print",
    "--list-sessions": "list earlier conversations, then exit",
    "--sandbox": "run commands in a Sandbox of the cluster, as the Slack bot does, instead of on this machine",
}
_WITHOUT_EFFECT: Mapping[str, str] = {
    "--enable-tool-use-shim": "models are asked to call tools themselves",
    "--mcp-client": "MCP servers are named in the settings",
    "--new-session": "every conversation is a new one, unless --resume-session names one",
    "--remove-workdir": "the working folder is always removed",
    "--alsologtostderr": "the log goes to stderr anyway",
}
"""Options of kubectl-ai that a script may give, and why they change nothing."""
_SETTING = "name it in the settings (--config)"
_ELSEWHERE: Mapping[str, str] = {
    "--extra-prompt-paths": f"what a model is told besides is `instructions`; {_SETTING}",
    "--prompt-template-file-path": f"the prompt cannot be replaced, and what a model is told besides is `instructions`; {_SETTING}",
    "--custom-tools-config": f"the file of your own tools is `tools.path`; {_SETTING}",
    "--mcp-server": "that is a command of its own: kubectl-ai-slack mcp-server",
    "--mcp-server-mode": "see kubectl-ai-slack mcp-server --help",
    "--http-port": "see kubectl-ai-slack mcp-server --help",
    "--external-tools": "an MCP client names the other servers itself",
    "--ui-type": "this is the terminal, and kubectl-ai-slack serve is for Slack; leave it out",
    "--ui-listen-address": "there is no web page; leave it out",
    "--session-backend": "every conversation is kept, in the folder of --state; leave it out",
    "--delete-session": "conversations are removed together, with the folder of --state",
    "--sandbox-image": f"the image is that of the SandboxTemplate; the pool is `sandbox.warm_pool`; {_SETTING}",
    "--skip-verify-ssl": "the certificate of the model's service is always verified; SSL_CERT_FILE names its authority",
}
"""Options of kubectl-ai that are no options here, and what to do instead."""
_SANDBOXES = ("k8s", "agent-sandbox")
"""What kubectl-ai's `--sandbox` may be given, where it means a pod."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    question: str
    model: str
    provider: str
    kubeconfig: str
    context: str
    max_iterations: int | None
    trace_path: str
    config: Path | None
    state: Path
    is_quiet: bool
    skips_permissions: bool
    shows_output: bool
    is_sandboxed: bool
    resumes: str = ""
    """Id of an earlier conversation, or a word for the last one; '' begins a new one."""
    lists_sessions: bool = False
    without_effect: tuple[str, ...] = ()
    """A sentence for each option that was given and changes nothing."""


@dataclass(frozen=True, slots=True)
class _Provider:
    """A provider by kubectl-ai's name: ours, and for one that speaks OpenAI's language its address and where that is set."""

    name: str
    base_url: str = ""
    url_from: str = ""
    key_from: str = ""


_PROVIDERS: Mapping[str, _Provider] = {
    "gemini": _Provider("gemini"),
    "vertexai": _Provider("vertex"),
    "vertex": _Provider("vertex"),
    "openai": _Provider("openai"),
    "openai-compatible": _Provider("openai"),
    "azopenai": _Provider("openai"),
    "grok": _Provider("openai", "https://api.x.ai/v1", "GROK_ENDPOINT", "GROK_API_KEY"),
    "llamacpp": _Provider("openai", "http://127.0.0.1:8080", "LLAMACPP_HOST"),
    "ollama": _Provider("openai", "http://127.0.0.1:11434", "OLLAMA_HOST"),
}


def parse(argv: Sequence[str]) -> Options:
    """Raises SystemExit, as argparse does, with code 2 if it cannot be understood."""
    switches = {*_SWITCHES, *_WITHOUT_EFFECT}
    parser = _parser()
    for name in (argument.partition("=")[0] for argument in argv):
        if name in _ELSEWHERE:
            parser.error(f"{name} is not an option here: {_ELSEWHERE[name]}")
    given = parser.parse_args([word for argument in argv for word in _spell_out(argument, switches)])
    flags = vars(given)
    return Options(
        question=given.question,
        model=given.model,
        provider=given.llm_provider,
        kubeconfig=given.kubeconfig,
        context=given.context,
        max_iterations=given.max_iterations,
        trace_path=given.trace_path,
        config=given.config,
        state=given.state,
        is_quiet=given.quiet,
        skips_permissions=given.skip_permissions,
        shows_output=given.show_tool_output,
        is_sandboxed=given.sandbox,
        resumes=given.resume_session,
        lists_sessions=given.list_sessions,
        without_effect=tuple(f"{name}: {why}." for name, why in _WITHOUT_EFFECT.items() if flags[name[2:].replace("-", "_")]),
    )


def load_settings(options: Options, environment: Mapping[str, str]) -> Settings:
    """The settings with what the command line says over them. Raises ConfigError."""
    provider = _PROVIDERS.get(options.provider) if options.provider else None
    if options.provider and provider is None:
        raise ConfigError(f"There is no provider {options.provider}: choose one of {', '.join(_PROVIDERS)}.")
    environment = {**environment, **(_point_to(provider, environment) if provider else {})}
    said = {"name": options.model, "max_steps": options.max_iterations}
    return settings_.load(options.config, environment, {name: value for name, value in said.items() if value not in ("", None)})


def _point_to(provider: _Provider, environment: Mapping[str, str]) -> dict[str, str]:
    found = {"MODEL_PROVIDER": provider.name}
    if provider.base_url:
        address = environment.get(provider.url_from, "") or provider.base_url
        address = address if "://" in address else f"http://{address}"
        found["OPENAI_BASE_URL"] = address if address.rstrip("/").endswith("/v1") else f"{address.rstrip('/')}/v1"
    if provider.key_from and environment.get(provider.key_from):
        found["OPENAI_API_KEY"] = environment[provider.key_from]
    return found


def _spell_out(argument: str, switches: set[str]) -> list[str]:
    """`--quiet=false` as Go's programs write it: nothing, and `--quiet=true` the switch."""
    name, is_given, value = argument.partition("=")
    if name == "--sandbox" and value in _SANDBOXES:
        return [name]
    if name not in switches or not is_given or value.lower() not in ("true", "false", "1", "0", "t", "f"):
        return [argument]
    return [name] if value.lower() in ("true", "1", "t") else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl-ai-slack chat",
        description="Ask about a cluster in the terminal; changes are shown and approved there.",
        epilog=EPILOG,
    )
    parser.add_argument("question", nargs="?", default="", metavar="QUESTION")
    parser.add_argument("--model", default="", help="the model's name (default: that of the settings)")
    parser.add_argument("--llm-provider", default="", help=f"one of {', '.join(_PROVIDERS)}")
    parser.add_argument("--kubeconfig", default="", help="the cluster (default: KUBECONFIG, ~/.kube/config)")
    parser.add_argument("--context", default="", help="context in the kubeconfig (default: its current one)")
    parser.add_argument("--max-iterations", type=int, help="replies of the model per question")
    parser.add_argument("--trace-path", default="", help="write what happens to this file, as YAML documents, credentials redacted")
    parser.add_argument(
        "--config", type=Path, default=settings_.default_path(), help="the settings file (YAML); the environment wins over it"
    )
    parser.add_argument("--state", type=Path, default=STATE, help=f"folder of the database (default: {STATE})")
    parser.add_argument("--resume-session", default="", metavar="ID", help="go on with an earlier conversation: its id, or `last`")
    parser.add_argument("-v", "--v", default="", help=argparse.SUPPRESS)
    for name, text in _SWITCHES.items():
        parser.add_argument(name, action="store_true", help=text)
    for name in _WITHOUT_EFFECT:
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    return parser
