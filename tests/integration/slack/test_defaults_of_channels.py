"""Defaults of a channel, from the settings to what people see in Slack: where its threads look, whether it is quiet, who may ask."""

from __future__ import annotations

from bot.changes.change import State
from bot.devslack.driver import wait_until
from bot.settings_channels import ChannelSettings
from bot.values.transcript import Asked
from tests.integration.slack.whole import GET_PODS, SCALE, Whole, run_whole

MENTION = f"@kubectl-ai {GET_PODS}"
REFUSED = "Only some people may ask me in this channel"


async def is_done(whole: Whole) -> bool:
    change = await whole.stores.changes.get(1)
    return change is not None and change.state is State.DONE


async def read_asked(whole: Whole, channel: str, root: str) -> list[str]:
    entries = await whole.stores.threads.transcript(f"T01LOCAL:{channel}:{root}")
    return [entry.text for entry in entries if isinstance(entry, Asked)]


async def test_a_change_asked_for_in_a_channel_lands_in_its_cluster_and_no_other() -> None:
    async with run_whole(channels={"C01ONCALL": ChannelSettings(cluster="staging", namespace="payments")}) as whole:
        root = await whole.driver.say("ana", "oncall", f"@kubectl-ai {SCALE}")
        card = await whole.driver.wait_for_message("oncall", "Approve", root["ts"])
        await whole.driver.click("ben", "oncall", card["ts"], "approve")
        await wait_until(lambda: is_done(whole))

        assert "staging" in str(card["blocks"])
        assert "prod" not in str(card["blocks"])
        prod, staging = whole.clusters["prod"], whole.clusters["staging"]
        assert (staging.namespaces, staging.object["spec"]["replicas"]) == (["payments"], 5)
        assert (prod.namespaces, prod.object["spec"]["replicas"]) == ([], 3)


async def test_a_channel_without_defaults_and_a_direct_message_look_at_the_first_cluster() -> None:
    async with run_whole(channels={"C01ONCALL": ChannelSettings(cluster="staging", namespace="payments")}) as whole:
        for channel, text in (("random", MENTION), ("dm", GET_PODS)):
            root = await whole.driver.say("ana", channel, text)
            await whole.driver.wait_for_message(root["channel"], "CrashLoopBackOff", root["ts"])

        assert whole.clusters["prod"].namespaces == ["shop", "shop"]
        assert whole.clusters["staging"].namespaces == []


async def test_a_slash_command_and_a_shortcut_look_where_their_channel_does() -> None:
    async with run_whole(channels={"C01ONCALL": ChannelSettings(cluster="staging", namespace="payments")}) as whole:
        await whole.driver.slash("ana", "oncall", f"/kubectl-ai {GET_PODS}")
        root = await whole.driver.wait_for_message("oncall", f"asked: {GET_PODS}")
        await whole.driver.wait_for_message("oncall", "CrashLoopBackOff", root["ts"])
        alert = await whole.driver.say("mia", "oncall", "KubePodCrashLooping: shop/web restarts")
        await whole.driver.act("shortcut", channel="oncall", ts=alert["ts"], callback_id="investigate", **{"as": "ana"})
        await whole.driver.wait_for_message("oncall", "the log names a missing", alert["ts"])

        assert whole.clusters["staging"].namespaces == ["payments", "payments"]
        assert whole.clusters["prod"].namespaces == []


async def test_a_channel_that_is_quiet_by_the_settings_hears_mentions_and_stays_quiet() -> None:
    async with run_whole(channels={"C01ONCALL": ChannelSettings(quiet=True)}) as whole:
        for channel in ("oncall", "random"):
            root = await whole.driver.say("ana", channel, MENTION)
            await whole.driver.wait_for_message(channel, "CrashLoopBackOff", root["ts"])
            await whole.driver.say("ana", channel, "and why?", root["ts"])
            await whole.driver.say("ana", channel, "quiet off", root["ts"])
            await whole.driver.wait_for_message(channel, "mention" if channel == "oncall" else "need not mention", root["ts"])
            await whole.driver.say("ana", channel, "since when?", root["ts"])
            await whole.driver.say("ana", channel, "@kubectl-ai what now?", root["ts"])

            async def is_asked(root: dict = root) -> bool:
                return (await read_asked(whole, root["channel"], root["ts"]))[-1] == "what now?"

            await wait_until(is_asked)
            asked = await read_asked(whole, root["channel"], root["ts"])
            unmentioned = [] if channel == "oncall" else ["and why?", "since when?"]
            assert asked == [GET_PODS, *unmentioned, "what now?"]
        [notice] = [
            m for m in await whole.driver.messages("oncall", (await whole.driver.messages("oncall"))[0]["ts"]) if "settings" in str(m)
        ]
        assert "quiet by the settings" in str(notice)


async def test_only_its_askers_are_answered_in_a_channel_however_they_ask() -> None:
    async with run_whole(channels={"C01ONCALL": ChannelSettings(askers=("S01ONCALL",))}) as whole:
        said = await whole.driver.say("mia", "oncall", MENTION)
        await whole.driver.wait_for_ephemeral("mia", REFUSED)
        await whole.driver.slash("mia", "oncall", f"/kubectl-ai {GET_PODS}")
        await whole.driver.act("shortcut", channel="oncall", ts=said["ts"], callback_id="investigate", **{"as": "mia"})

        async def are_refused() -> bool:
            return sum(REFUSED in str(entry) for entry in await whole.driver.ephemerals("mia")) == 3

        await wait_until(are_refused)
        assert whole.sandboxes.ran == []
        assert [message["user"] for message in await whole.driver.messages("oncall", said["ts"])] == ["U01MIA"]
        elsewhere = await whole.driver.say("mia", "random", MENTION)
        await whole.driver.wait_for_message("random", "CrashLoopBackOff", elsewhere["ts"])
        allowed = await whole.driver.say("ben", "oncall", MENTION)
        await whole.driver.wait_for_message("oncall", "CrashLoopBackOff", allowed["ts"])
        assert whole.sandboxes.ran == [GET_PODS, GET_PODS]
        assert len(await whole.driver.ephemerals("mia")) == 3
