"""`chat` as a harness made for kubectl-ai drives it: its options, the question on stdin, the answer after the last `Running:` line."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.chat.conftest import Serve, Shop

pytestmark = pytest.mark.apiserver

SCRIPT = """
models: [scripted]
rules:
  - when: {answer: '^status: applied'}
    reply: [{text: "Scaled to three: it is done."}]
  - when: {answer: '^status: denied'}
    reply: [{text: "It was not approved, so nothing is changed."}]
  - when: {question: 'scale', step: 0}
    reply: [{text: "First a look."}, {call: {args: {command: "kubectl -n NS get deploy web -o name"}}}]
  - when: {question: 'scale', step: 1}
    reply: [{call: {args: {command: "kubectl -n NS scale deploy/web --replicas=3"}}}]
  - when: {question: 'colour', step: 0}
    reply: [{call: {args: {command: "kubectl -n NS get cm settings -o jsonpath='{.data}'\\necho in two lines"}}}]
  - when: {question: 'colour', answer: '"colour":"(?P<colour>\\w+)"'}
    reply: [{text: "The colour is ${colour}."}]
  - when: {question: 'first line\\nsecond line', step: 0}
    reply: [{text: "I look."}, {call: {args: {command: "printf 'Running: not a command\\\\nof mine'; kubectl -n NS get nothing"}}}]
  - when: {question: 'second line', step: 1}
    reply: [{text: "**Two** pods:\\n* `web-1`\\n* `web-2`"}]
  - when: {question: 'environment', step: 0}
    reply: [{call: {args: {command: "env; ls ~/.kube/config; test -t 0 || echo no terminal; cat"}}}]
  - when: {question: 'environment', step: 1}
    reply: [{text: "That is all."}]
"""
HARNESS = ("--llm-provider", "gemini", "--enable-tool-use-shim=false", "--quiet=true", "--model", "scripted")
_PROGRAM = Path(sys.executable).with_name("kubectl-ai-slack")


async def test_a_harness_made_for_kubectl_ai_gets_its_answer(shop: Shop, serve_script: Serve, trace: Path) -> None:
    await serve_script(SCRIPT)
    kubeconfig = ("--kubeconfig", str(shop.server.kubeconfig))

    ran = await shop.run(
        *kubeconfig, *HARNESS, "--trace-path", str(trace), "--skip-permissions", "--show-tool-output", stdin="Scale web!\n"
    )

    assert (ran.code, ran.answer.strip().splitlines()[-1]) == (0, "Scaled to three: it is done.")
    assert [line.strip() for line in ran.out.splitlines() if "Running:" in line] == [
        f"Running: kubectl -n {shop.namespace} get deploy web -o name",
        f"Running: kubectl -n {shop.namespace} scale deploy/web --replicas=3",
    ]
    assert "deployment.apps/web\n" in ran.out
    assert "\x1b" not in ran.out
    assert shop.replicas() == "3"


@pytest.mark.parametrize("quiet", ["true", "false"])
async def test_k8s_ai_bench_calls_the_program_itself_as_it_calls_kubectl_ai(shop: Shop, serve_script: Serve, quiet: str) -> None:
    """As `runAgent` of its eval.go does: one path, these options in this order, each prompt on a line of its own, then the end."""
    await serve_script(SCRIPT)
    trace = shop.folder / "trace.yaml"
    argv = [
        *("--kubeconfig", str(shop.server.kubeconfig), "--llm-provider", "gemini", "--enable-tool-use-shim=false", f"--quiet={quiet}"),
        *("--model", "scripted", "--trace-path", str(trace), "--skip-permissions", "--show-tool-output", "--mcp-client"),
    ]

    ran = await shop.run_program(str(_PROGRAM), *argv, stdin="first line\nsecond line\n")

    assert ran.code == 0, ran.err
    # What it compares with a task's expectations: stdout after the line of the last `Running:`, here one that a command printed.
    printed, _, answer = ran.answer.partition("**Two**")
    assert answer == " pods:\n* `web-1`\n* `web-2`\n"
    assert printed.startswith("of mine")
    assert [line for line in ran.out.splitlines() if line.startswith("  Running: ")] == [
        f"  Running: printf 'Running: not a command\\nof mine'; kubectl -n {shop.namespace} get nothing"
    ]
    assert "\x1b" not in ran.out
    assert [event["payload"] for event in yaml.safe_load_all(trace.read_text()) if event["action"] == "ui.render"] == [
        {"text": f"**Two**{answer.rstrip()}", "code": ""}
    ]


async def test_k8s_ai_bench_counts_a_program_that_cannot_answer_as_an_error(shop: Shop) -> None:
    argv = ["--kubeconfig", str(shop.server.kubeconfig), "--llm-provider", "gemini", "--quiet=true", "--model", "m", "--skip-permissions"]

    ran = await shop.run_program(str(_PROGRAM), *argv, stdin="Why?\n")

    assert (ran.code, ran.out) == (2, "")
    assert "GEMINI_API_KEY" in ran.err.splitlines()[-1]


async def test_a_change_that_a_rule_approves_is_shown_and_audited(shop: Shop, serve_script: Serve) -> None:
    await serve_script(SCRIPT)

    ran = await shop.run("chat", "--skip-permissions", "scale web")
    audited = await shop.run("audit", "--config", str(_audit_settings(shop)))

    assert "spec.replicas  2 → 3" in ran.err
    assert "approved by rule (--skip-permissions)" in ran.err
    assert "approved by the rule --skip-permissions" in ran.err
    assert (audited.code, "is whole" in audited.out) == (0, True)


def _audit_settings(shop: Shop) -> Path:
    path = shop.folder / "audit.yaml"
    path.write_text(f"store: {{url: 'sqlite+aiosqlite:///{shop.folder}/.local/state/kubectl-ai-slack/local/local.db'}}\n")
    return path


async def test_without_a_terminal_nothing_is_changed_and_the_exit_code_says_so(shop: Shop, serve_script: Serve) -> None:
    await serve_script(SCRIPT)

    ran = await shop.run("chat", "--quiet", stdin="please scale web")

    assert ran.code == 3
    assert ran.answer.strip() == "It was not approved, so nothing is changed."
    assert "There was no terminal to ask at, so nothing was changed; run this with a terminal, or with --skip-permissions" in ran.err
    assert shop.replicas() == "2"


async def test_stdout_holds_commands_on_one_line_each_and_the_answer_and_nothing_else(shop: Shop, serve_script: Serve) -> None:
    requests = await serve_script(SCRIPT)

    ran = await shop.run("chat", "which colour", stdin="has it,\n\nplease?\n")

    command = f"kubectl -n {shop.namespace} get cm settings -o jsonpath='{{.data}}'\\necho in two lines"
    assert ran.out.split("\n") == ["", f"  Running: {command}", "The colour is blue.", ""]
    assert ran.err == "chat: commands are not sandboxed; their requests to the cluster are rehearsed, whatever else they do is real.\n"
    assert "asks:\\nwhich colour\\nhas it,\\n\\nplease?" in repr(requests[0])  # the argument and stdin are one question


async def test_the_trace_holds_what_happened_but_no_secrets(shop: Shop, serve_script: Serve, trace: Path) -> None:
    await serve_script(SCRIPT)

    await shop.run("chat", "--trace-path", str(trace), "the colour? My token is ghp_abcdefghijklmnopqrstuvwxyz0123456789")

    text = trace.read_text()
    events = list(yaml.safe_load_all(text))
    assert [event["action"] for event in events] == [
        "question",
        "llm-response",
        "tool-request",
        "tool-response",
        "llm-response",
        "turn-ended",
        "ui.render",
    ]
    assert events[3]["payload"]["response"]["stdout"].startswith('{"colour":"blue"')
    assert not [secret for secret in ("hunter2", "ghp_abcdef", "the-key-of-the-model") if secret in text]
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600


async def test_commands_get_nothing_of_the_persons_own(shop: Shop, serve_script: Serve) -> None:
    await serve_script(SCRIPT)
    (shop.folder / ".kube").mkdir()
    (shop.folder / ".kube" / "config").write_text("theirs")

    ran = await shop.run("chat", "--show-tool-output", "show me your environment")

    assert "GEMINI" not in ran.out
    assert f"HOME={shop.folder}\n" not in ran.out
    assert str(shop.server.kubeconfig) not in ran.out
    assert "No such file or directory" in ran.out
    assert "no terminal" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chat", "--kubeconfig", "/nowhere", "x"], "There is no kubeconfig /nowhere"),
        (["chat", "--model", "absent", "x"], "absent"),
    ],
)
async def test_what_cannot_start_exits_2_with_a_sentence(shop: Shop, serve_script: Serve, arguments: list[str], words: str) -> None:
    await serve_script(SCRIPT)

    ran = await shop.run(*arguments)

    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


async def test_without_a_key_it_says_which_to_set(shop: Shop) -> None:
    ran = await shop.run("chat", "hello")

    assert ran.code == 2
    assert ran.err.startswith("chat: Set GEMINI_API_KEY")


async def test_a_model_that_gives_no_answer_is_exit_code_1(shop: Shop, serve_script: Serve) -> None:
    await serve_script(SCRIPT)

    ran = await shop.run("chat", "--max-iterations", "1", "scale web", "--skip-permissions")

    assert ran.code == 1
    assert "I stopped after 1 steps" in ran.err
    assert shop.replicas() == "2"


async def test_a_harness_that_gives_up_leaves_no_command_behind(shop: Shop, serve_script: Serve) -> None:
    pid = shop.folder / "pid"
    await serve_script(
        f"""
models: [scripted]
rules:
  - when: {{question: 'hang'}}
    reply: [{{call: {{args: {{command: "echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600"}}}}}}]
"""
    )
    process = await shop.start("chat", "hang")

    async with asyncio.timeout(60):
        while not pid.exists():
            await asyncio.sleep(0.05)
    process.terminate()
    await process.communicate()

    assert process.returncode == 143
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
