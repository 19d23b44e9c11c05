"""Which model answers in a thread: shown, and chosen for it by a person."""

from __future__ import annotations

import structlog

from bot.agent.ports import Model
from bot.threads.stores import Notice, Thread
from bot.threads.world import World

log = structlog.get_logger()

_USUAL = "default"
_NONE = "No model is set: only command lines and `triage` are answered."


def describe(world: World, thread: Thread | None, used_there: str = "in use in this thread") -> str:
    """The models there are, Markdown; with a thread, which of them is in use there, which `used_there` says."""
    if not world.models:
        return _NONE
    used = world.models_of(thread)[0] if thread is not None else None
    lines = ["Models:"]
    for model in world.all_models:
        facts = [
            used_there if model is used else "",
            "the default" if model is world.models[0] else "",
            "asked when another gives no reply" if model in world.models[1:] else "",
        ]
        told = ", ".join(fact for fact in facts if fact)
        lines.append(f"• `{model.name}`{f' – {told}' if told else ''}")
    lines.append(f"Write `model <name>` in a thread to choose one for it, `model {_USUAL}` to take the default.")
    return "\n".join(lines)


async def choose(world: World, thread: Thread, name: str, who: str, key: str) -> str:
    """Chooses the model for a stored thread and says so there, once per key; why not, if there is no such model."""
    if not world.models:
        return _NONE
    chosen = world.models[0] if name.lower() == _USUAL else _find(world, name)
    if chosen is None:
        return f"There is no model `{name}` here. {describe(world, thread)}"
    await world.stores.threads.update(thread.id, model="" if name.lower() == _USUAL else chosen.name)
    await world.stores.threads.notify(thread.id, Notice(key, f"{who} chose the model `{chosen.name}` for this thread."))
    world.signals.wake(thread.id)
    log.info("model_chosen", thread=thread.id, model=chosen.name)
    return ""


async def tell_if_gone(world: World, thread: Thread) -> None:
    """Tells the thread, once, that the model that was chosen for it is no longer in the settings."""
    if thread.model and _find(world, thread.model) is None:
        text = f"The model `{thread.model}` that was chosen for this thread is not in the settings any more; I use {world.models[0].name}."
        await world.stores.threads.notify(thread.id, Notice(f"model_gone:{thread.model}", text))


def _find(world: World, name: str) -> Model | None:
    return next((model for model in world.all_models if model.name.lower() == name.lower()), None)
