"""The demo's script, driven by the real loop and the real adapter; only the sandbox is replaced by recorded output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.agent.models import script as scripts
from bot.agent.models.gemini import GeminiModel
from bot.agent.models.scripted import DEMO, ScriptedService, serve
from bot.changes.change import Change, State
from bot.settings_model import ModelChoice
from tests.integration.agent.conversation import Conversation, Ran

PODS = """\
NAME                       READY   STATUS              RESTARTS      AGE
cart-6c9b7d5f4-x2x7k       0/1     CrashLoopBackOff    5 (40s ago)   4m
catalog-7d4b9c8f6-abcde    1/1     Running             0             9m
payments-5f6d8b7c9-qqqqq   0/1     ErrImageNeverPull   0             4m
web-59d8c7b6f5-fghij       1/1     Running             0             9m
"""
HISTORY = "deployment.apps/cart\nREVISION  CHANGE-CAUSE\n1         release 1.8.0\n2         release 1.9.0\n"
SERVICE = """\
NAME      TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE   SELECTOR
catalog   ClusterIP   10.96.0.7    <none>        80/TCP    9m    app=catalogue
"""
OUTPUT = {
    "get pods -n shop": PODS,
    "describe pod": "Events:\n  Warning  BackOff  kubelet  Back-off restarting failed container\n",
    "logs cart-6c9b7d5f4-x2x7k": '2026/11/24 10:00:00 STORE_URL="cart-store:6379" is not a URL\n',
    "get deployment web": "NAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    2/2     2            2           9m\n",
    "rollout history": HISTORY,
    "get service catalog": SERVICE,
    "get pods -L app": "NAME   READY   STATUS   RESTARTS   AGE   APP\ncatalog-7d4b9c8f6-abcde   1/1   Running   0   9m   catalog\n",
}
WRITES = ("scale ", "rollout undo", "set selector")


def run_shop(command: str) -> Ran:
    if any(word in command for word in WRITES):
        return Ran("scaled\n", writes=True)
    return Ran(next(text for part, text in OUTPUT.items() if part in command))


def approve(proposed: Change) -> Change:
    return replace(proposed, state=State.DONE, decided_by="U2")


def deny(proposed: Change) -> Change:
    return replace(proposed, state=State.DENIED, decided_by="U2", reason="Not on a Friday.")


@pytest.fixture
async def model() -> AsyncIterator[GeminiModel]:
    demo = scripts.load(DEMO).model_copy(update={"pace": 0.0})
    runner = await serve(ScriptedService(demo), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = GeminiModel(ModelChoice(name="scripted-demo", api_key=SecretStr("any"), base_url=address), 30.0)
    yield client
    await client.close()
    await runner.cleanup()


async def test_the_shop_is_diagnosed_from_what_the_commands_print(model: GeminiModel) -> None:
    talk = Conversation(model, run_shop, approve)

    answer = await talk.ask("why is the shop down?")

    assert talk.commands == [
        "kubectl get pods -n shop",
        "kubectl -n shop describe pod cart-6c9b7d5f4-x2x7k | tail -n 20",
        "kubectl -n shop logs cart-6c9b7d5f4-x2x7k --tail=5",
    ]
    assert 'STORE_URL="cart-store:6379" is not a URL' in answer
    assert "payments-5f6d8b7c9-qqqqq" in answer


async def test_scaling_looks_first_then_proposes_and_tells_what_came_of_it(model: GeminiModel) -> None:
    talk = Conversation(model, run_shop, approve)

    answer = await talk.ask("please scale web to 3")

    assert talk.commands == ["kubectl -n shop get deployment web", "kubectl -n shop scale deploy/web --replicas=3"]
    assert "Applied: change 1 was approved by U2" in answer


async def test_a_denial_is_told_with_its_reason(model: GeminiModel) -> None:
    answer = await Conversation(model, run_shop, deny).ask("scale the deployment web to 3")

    assert "denied by U2. Reason: Not on a Friday." in answer


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("fix the cart", "kubectl -n shop rollout undo deployment/cart"),
        ("Fix payments!", "kubectl -n shop rollout undo deployment/payments"),
        ("fix the catalog please", "kubectl -n shop set selector service/catalog app=catalog"),
    ],
)
async def test_every_fault_has_its_fix(model: GeminiModel, question: str, command: str) -> None:
    talk = Conversation(model, run_shop, approve)

    await talk.ask(question)

    assert talk.commands[-1] == command
    assert len(talk.changes) == 1


async def test_a_second_question_continues_the_same_history(model: GeminiModel) -> None:
    talk = Conversation(model, run_shop, approve)

    await talk.ask("why is the shop down?")
    await talk.ask("fix the cart")
    answer = await talk.ask("what is your favourite colour?")

    assert "a script and not a model" in answer


async def test_two_conversations_at_once_do_not_meet(model: GeminiModel) -> None:
    first, second = Conversation(model, run_shop, approve), Conversation(model, run_shop, deny)

    answers_ = await asyncio.gather(first.ask("scale web to 3"), second.ask("scale web to 5"))

    assert "approved" in answers_[0]
    assert "denied" in answers_[1]
    assert second.commands[-1].endswith("--replicas=5")
