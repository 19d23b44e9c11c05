"""What people wait for: first words, claim to Ready, first output, click to landed write, and the ack under load. On the full cluster."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import words
from bench.summary import summarise
from bot.demo import install, launch, places
from bot.devslack.driver import Driver
from tests.e2e.parts import ROOT, AuditLog, Process, bot_process, free_port, until

ROUNDS = 10
ACK_EVENTS_PER_SECOND = 50
ACK_SECONDS = 10
NAMESPACE = "bench"


async def main(environment: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await install.install(places.own(environment), Path(folder))
        kubeconfig = await install.write_bot_kubeconfig(environment, Path(folder) / "bot.kubeconfig")
        await _prepare(environment)
        slack_port, model_port = free_port(), free_port()
        script = Path(folder) / "script.json"  # JSON is YAML
        script.write_text(json.dumps(_script()))
        model = Process(
            "model",
            _python("bot.agent.models.scripted", "--script", str(script), "--port", str(model_port)),
            {},
            Path(folder) / "model.log",
        )
        slack = Process("slack", _python("bot.devslack", "--port", str(slack_port)), {}, Path(folder) / "slack.log")
        settings: dict[str, Any] = {
            "slack": {"bot_token": launch.BOT_TOKEN, "app_token": launch.APP_TOKEN, "api_url": f"http://127.0.0.1:{slack_port}/api/"},
            "clusters": [{"name": "bench", "namespace": NAMESPACE, "kubeconfig": str(kubeconfig)}],
            "sandbox": {"kubeconfig": str(kubeconfig)},
            "gateway": {"host": places.GATEWAY_HOST, "port": free_port(places.GATEWAY_HOST, 18400, 18999)},
            "changes": {"approvers": ["S01ONCALL"]},
        }
        keys = {"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{model_port}", "GEMINI_API_KEY": "scripted", "GEMINI_MODEL": "bench"}
        bot, _ = bot_process(Path(folder), settings, {**environment, **keys, "KUBECONFIG": "", "LOG_FORMAT": "json"})
        for process in (slack, model):
            process.start()
        try:
            async with Driver(f"http://127.0.0.1:{slack_port}") as driver:
                await until("the local Slack answers", lambda: _answers(driver), 30)
                bot.start()
                await driver.wait_for_connections(2, 60)
                await words.measure_in_slack(driver)
                await _measure(driver, bot, Path(environment["AUDIT_LOG"]))
            bot.stop()
            await words.measure_in_terminal({**environment, **keys}, Path(folder) / "chat")
        finally:
            for process in (bot, model, slack):
                process.stop()


async def _measure(driver: Driver, bot: Process, audit_path: Path) -> None:
    first, answered, landed, stopped = [], [], [], []
    for number in range(ROUNDS):
        await asyncio.sleep(3)  # the warm pool fills up again
        started = time.monotonic()
        thread = (await driver.say("ana", "oncall", f"@kubectl-ai look, round {number}"))["ts"]
        await driver.wait_for_message(
            "oncall", lambda m: _key(m).startswith("progress:") and "✓" in json.dumps(m, ensure_ascii=False), thread, 60
        )
        first.append(time.monotonic() - started)
        await driver.wait_for_message("oncall", "That is all.", thread, 60)
        answered.append(time.monotonic() - started)
        landed.append(await _click_to_landed(driver, AuditLog(audit_path), thread, number))
        stopped.append(await _stop_to_stopped(driver, thread))
    claims = [json.loads(line)["claim_seconds"] for line in bot.output.splitlines() if '"sandbox_ready"' in line]
    print(summarise("warm claim → Ready", claims))
    print(summarise("mention → first command's output shown", first))
    print(summarise("mention → answer (zero-latency model)", answered))
    print(summarise("click → write landed (API server's clock)", landed))
    print(summarise("stop → said that it is stopped", stopped))
    await _measure_acks(driver)


async def _click_to_landed(driver: Driver, audit: AuditLog, thread: str, number: int) -> float:
    await driver.say("ana", "oncall", f"kubectl -n {NAMESPACE} annotate configmap target round={number} --overwrite", thread)
    card = await driver.wait_for_message("oncall", lambda m: _key(m).startswith("change:") and "Approve" in json.dumps(m), thread, 60)
    clicked = time.time()
    await driver.click("ben", "oncall", card["ts"], "approve")
    write = (await until("the write is in the audit log", lambda: audit.writes(NAMESPACE, "configmaps", "target", by="writer"), 30))[0]
    return datetime.fromisoformat(write["stageTimestamp"]).timestamp() - clicked


async def _stop_to_stopped(driver: Driver, thread: str) -> float:
    await driver.say("ana", "oncall", "! sleep 60", thread)
    await driver.wait_for_message("oncall", lambda m: _key(m).startswith("progress:") and "sleep 60" in json.dumps(m), thread, 60)
    await asyncio.sleep(1)  # by now it runs in the sandbox
    asked = time.monotonic()
    await driver.say("ana", "oncall", "stop", thread)
    await driver.wait_for_message("oncall", "topped", thread, 60)
    return time.monotonic() - asked


async def _measure_acks(driver: Driver) -> None:
    root = (await driver.say("ana", "oncall", "@kubectl-ai look, for the acks"))["ts"]
    await driver.wait_for_message("oncall", "That is all.", root, 60)
    before = len(await driver.deliveries())
    begin = time.monotonic()
    for number in range(ACK_EVENTS_PER_SECOND * ACK_SECONDS):
        await asyncio.sleep(max(0.0, begin + number / ACK_EVENTS_PER_SECOND - time.monotonic()))
        await driver.say("ben", "random", f"@kubectl-ai status {number}")
    deliveries = (await driver.deliveries())[before:]
    acks = [d["seconds"] for d in deliveries if d["acknowledged"]]
    print(summarise(f"ack at {ACK_EVENTS_PER_SECOND} messages/s (two events each)", acks), f" not acked: {len(deliveries) - len(acks)}")


async def _prepare(environment: dict[str, str]) -> None:
    script = f"""make() {{ kubectl -n {NAMESPACE} create "$@" --dry-run=client -o yaml | kubectl apply -f -; }}
make namespace {NAMESPACE}
make configmap target
make rolebinding writer --clusterrole=edit --serviceaccount=kubectl-ai:kubectl-ai-writer"""
    process = await asyncio.create_subprocess_exec("bash", "-ec", script, env=environment, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait() != 0:
        raise SystemExit("the namespace `bench` could not be prepared; the lines above say why")


def _script() -> dict[str, Any]:
    look = {"call": {"name": "shell", "args": {"command": f"kubectl -n {NAMESPACE} get configmaps"}}}
    return {
        "models": ["bench"],
        "rules": [
            *words.RULES,
            {"when": {"question": "look", "step": 0}, "reply": [look]},
            {"when": {}, "reply": [{"text": "That is all."}]},
        ],
    }


async def _answers(driver: Driver) -> bool:
    try:
        return bool(await driver.ask("log"))
    except OSError:
        return False


def _key(message: dict[str, Any]) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
