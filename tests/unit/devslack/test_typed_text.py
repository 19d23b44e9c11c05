"""What Slack's client makes of typed text."""

from __future__ import annotations

import pytest

from bot.devslack.typed_text import build_rich_text, encode_typed

HANDLES = {"ana": "<@U01ANA>", "oncall": "<!subteam^S01ONCALL>", "here": "<!here>", "kubectl-ai": "<@U01KUBECTL>"}


@pytest.mark.parametrize(
    ("typed", "encoded"),
    [
        ("@kubectl-ai why?", "<@U01KUBECTL> why?"),
        ("thanks @ana, @oncall.", "thanks <@U01ANA>, <!subteam^S01ONCALL>."),
        ("mail ana@example", "mail ana@example"),
        ("@nobody", "@nobody"),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<!here> typed by hand", "&lt;!here&gt; typed by hand"),
        ("see https://example.org/a?b=1&c=2.", "see <https://example.org/a?b=1&amp;c=2>."),
        ("-l app.kubernetes.io/name=web", "-l <http://app.kubernetes.io/name=web|app.kubernetes.io/name=web>"),
        ("`kubectl get pods -l app.kubernetes.io/name=@ana`", "`kubectl get pods -l app.kubernetes.io/name=@ana`"),
        ("```curl https://example.org | tee <x>```", "```curl https://example.org | tee &lt;x&gt;```"),
        ("kubectl logs web-7c9f --tail=5", "kubectl logs web-7c9f --tail=5"),
    ],
)
def test_typed_text_is_encoded_as_slacks_client_does(typed, encoded):
    assert encode_typed(typed, HANDLES) == encoded


def test_the_rich_text_beside_it_has_mentions_and_links_as_elements():
    block = build_rich_text("<@U01ANA> look &lt;here&gt; <https://example.org|the runbook> <!subteam^S01ONCALL> <!here>")

    assert block["elements"][0]["elements"] == [
        {"type": "user", "user_id": "U01ANA"},
        {"type": "text", "text": " look <here> "},
        {"type": "link", "url": "https://example.org", "text": "the runbook"},
        {"type": "text", "text": " "},
        {"type": "usergroup", "usergroup_id": "S01ONCALL"},
        {"type": "text", "text": " "},
        {"type": "broadcast", "range": "here"},
    ]
