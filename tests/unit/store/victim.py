"""A process that writes to a store and prints what was confirmed, until it is killed."""

from __future__ import annotations

import asyncio
import sys

from pydantic import SecretStr

from bot.changes.change import Send, SendState, State
from bot.settings import StoreSettings
from bot.store.opening import open_store
from bot.threads.stores import Stores
from bot.values.transcript import Ended
from tests.unit.store.values import KEY, THREAD_ID, asked, line, message, new_change, proposed, thread


async def main(url: str, name: str) -> None:
    async with open_store(StoreSettings(url=url, key=SecretStr(KEY))) as store:
        await store.stores.threads.open(thread())
        print("ready", flush=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(receive(store.stores, name))
            group.create_task(work(store.stores, name))


async def receive(stores: Stores, name: str) -> None:
    for number in range(10**6):
        await stores.inbox.put(f"{name}-{number}", message(ts=f"{number}.0"))
        print(f"put {name}-{number}", flush=True)


async def work(stores: Stores, name: str) -> None:
    for number in range(10**6):
        turn = await stores.threads.begin_turn(THREAD_ID, asked(), key=f"{name}-{number}")
        assert turn is not None
        call = f"{name}-{number}"
        change = await stores.threads.propose(proposed(call, turn), new_change(call_id=call, turn=turn), line("proposed"))
        print(f"proposed {change.id}", flush=True)
        await stores.changes.move(change.id, [State.PROPOSED], State.REPLAYING, line("replaying"))
        await stores.changes.record_send(change.id, Send(0, SendState.SENT), line("sent"))
        print(f"sent {change.id}", flush=True)
        await stores.threads.append(THREAD_ID, [Ended(turn, "answered")], key=f"ended:{turn}", audit=line("ended"))


asyncio.run(main(sys.argv[1], sys.argv[2]))
