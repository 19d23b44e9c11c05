"""Slack's limits, and how much of them our messages use: the one table that every renderer and the sender read.

Characters or items unless a name says otherwise. Sources: Slack's Block Kit and method reference; where users measured
something lower than what is documented, the lower figure counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# What Slack accepts.
BLOCKS_IN_MESSAGE: Final = 50
BLOCKS_IN_VIEW: Final = 100
SECTION_TEXT: Final = 3_000
CONTEXT_ELEMENTS: Final = 10
BUTTON_VALUE: Final = 2_000
VIEW_TITLE: Final = 24
PRIVATE_METADATA: Final = 3_000
INPUT_TEXT: Final = 3_000
SELECT_OPTIONS: Final = 100
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20
ACK_SECONDS: Final = 3.0
"""For an answer to an event, command, press or submission; later ones count as none. A trigger id is good for as long."""
STATUS_SECONDS: Final = 120.0
"""After which a status in direct messages goes away by itself (`assistant.threads.setStatus`)."""
PAYLOAD_BYTES: Final = 250_000
"""The largest payload over HTTP, a submission: a view with its state is no larger than the 250 kB that Slack takes of it."""
MEMBERS_PAGE: Final = 1_000
"""Most members in one answer of `conversations.members`."""

# What we use of it.
MESSAGE_CHARS: Final = 11_000
"""All text in the blocks of one message. Slack documents 12,000 for markdown blocks and refuses about 13,200 (bolt-js issue 2509)."""
FALLBACK_BYTES: Final = 2_000
"""The top-level `text`: what notifications, search and screen readers get. `chat.update` refuses 4,000 bytes."""
FALLBACK_CHARS: Final = 300
"""The same before it is escaped, which keeps it below."""
SPARE_BLOCKS: Final = 5
"""Of a message's blocks, for what is added below an answer."""
PARAGRAPH_CHARS: Final = MESSAGE_CHARS - 500
"""One `markdown` block: below MESSAGE_CHARS by what is said around it."""
LINE_CHARS: Final = 1_200
"""One line of Markdown. Longer ones are folded before anything else: however much escaping adds, a line fits a block."""
OVERVIEW_CHARS: Final = MESSAGE_CHARS - 200
"""A message about how things are: below MESSAGE_CHARS by the line that says what has no room."""
PLAIN_BYTES: Final = 2_500
"""Of a message's words where Slack refused its blocks: with the sentence above them, an edit of text alone stays below 4,000 bytes."""
MRKDWN_CHARS: Final = 2_900
"""One mrkdwn text, markup included."""
PREFORMATTED_CHARS: Final = 2_900
"""One preformatted element; longer text is split into several."""
VIEW_JSON_BYTES: Final = 200_000
"""A modal as JSON: Slack refuses views over 250 kB."""
VIEW_BLOCKS: Final = 90
STORE_SECONDS: Final = ACK_SECONDS - 0.5
"""Of ACK_SECONDS, for storing what came."""
TRIGGER_SECONDS: Final = ACK_SECONDS - 0.5
"""Of ACK_SECONDS, for opening a window: part of them is gone already."""
STATUS_AGAIN_SECONDS: Final = STATUS_SECONDS / 2
"""A status is said again after this, before Slack takes it away."""
REQUEST_BYTES: Final = 4 * PAYLOAD_BYTES
"""A request over HTTP that is read at all: a payload's JSON is percent-encoded in a form."""
HISTORY_PAGE: Final = 200
"""Messages or conversations asked for at once: Slack recommends no more."""
HISTORY_PAGES: Final = 15
MEMBERS_PAGES: Final = 10

# What a person can take in on a card; Details has the rest.
CARD_COMMAND_CHARS: Final = 700
CARD_COMMAND_LINES: Final = 12
CARD_OBJECTS: Final = 8
CARD_FIELDS: Final = 8
"""Changed fields shown per object."""
CARD_DIFF_CHARS: Final = 3_500
"""All objects and fields together."""
CARD_LINES: Final = 8
"""Notes, impact lines and the like, of each sort."""
CARD_LIST_CHARS: Final = 1_500
"""The lines of one such sort together. With the figures above, a card stays below MESSAGE_CHARS."""
CARD_RUN_CHARS: Final = 700
"""The command line of an exec: who approves it must see it."""
CARD_OUTPUT_CHARS: Final = 1_500
"""Head and tail of what the execs of a change printed."""
CARD_OUTPUT_LINES: Final = 15
CARD_REFUSED: Final = 3
"""Refused requests that a card names."""
CARD_CREATED_LINES: Final = 24
"""Of an object that would be created."""
CARD_TEXT_LINES: Final = 8
"""Of one value of several lines."""
TEXT_LINE_CHARS: Final = 120
"""One line of such a value."""
APPROVERS: Final = 20
"""Mentions of those who may approve."""
TITLE_CHARS: Final = 200
"""The title of an object, a question or a command line as one line of ours."""
SUMMARY_COMMAND_CHARS: Final = 120
"""A command line in a notification."""
ACTION_CHARS: Final = 40
"""`update`, `delete` and the like, and a name that is no id."""
NAME_CHARS: Final = 80
"""A cluster, a namespace, a person or an error code inside a sentence of ours."""
ALIGNED_CHARS: Final = 36
"""Longer paths have their value on a line of its own: cards are read on phones."""
PATH_CHARS: Final = 80
VALUE_CHARS: Final = 80
SENTENCE_CHARS: Final = 400
"""A reason or a server's message on a card."""
HOME_CHANGES: Final = 10
"""Changes in one list of the Home, each with its buttons; the rest is counted."""
PROGRESS_STEPS: Final = 12
PROGRESS_COMMAND_CHARS: Final = 120
PROGRESS_THINKING_CHARS: Final = 400
SCREEN_CHARS: Final = 6_000
"""An answer with its output that is shown whole; of longer ones the message shows a summary, a file and a window show all."""
SCREEN_LINES: Final = 80
SUMMARY_CHARS: Final = 2_500
"""The beginning of an answer that is longer than a screen."""
OUTPUT_CHARS: Final = 3_500
"""Head and tail of an output that is longer than a screen."""
OUTPUT_LINES: Final = 40
NARROW_COLUMNS: Final = 76
"""Monospace lines up to this width do not wrap in a thread pane; wider tables become table blocks, which scroll sideways."""
TABLE_CHARS: Final = 8_000
"""All cells of a table block. Slack allows one table per message and 10,000 characters in it."""
SUMMARY_ROWS: Final = 20
"""Rows shown of a table that is too large for a message."""
WINDOW_CHARS: Final = 30_000
"""One body, output or command line in Details."""
WINDOW_LINES: Final = 800
WINDOW_STDIN_CHARS: Final = 20_000
WINDOW_STDIN_LINES: Final = 500
WINDOW_MEMBERS: Final = 40
"""Files of an archive that are named."""
WINDOW_TEXT_LINES: Final = 200
"""Of one value of several lines."""
WINDOW_VALUE_CHARS: Final = 2_000
WINDOW_PATH_CHARS: Final = 400
WINDOW_HEAD_CHARS: Final = 6_000
"""One line of what stands above a request's body: its path with the query."""
PAGE_LINES: Final = 100
"""Lines of one page of the output window."""
PAGE_CHARS: Final = 9_000
FILTER_CHARS: Final = 100
QUOTE_CHARS: Final = 500
"""A person's question as it is repeated at the root of a thread."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a method may be called: on average, and at once after a pause."""

    per_minute: float
    burst: float


RATES: Final[Mapping[str, Rate]] = {
    "chat.postMessage": Rate(240, 30),  # special: "several hundred" per workspace, see CHANNEL_RATE
    "chat.update": Rate(40, 10),  # tier 3
    "chat.postEphemeral": Rate(80, 20),  # tier 4
    "views.open": Rate(80, 20),  # tier 4
    "views.update": Rate(80, 20),  # tier 4
    "views.publish": Rate(80, 20),  # tier 4
    "files.getUploadURLExternal": Rate(80, 20),  # tier 4
    "files.completeUploadExternal": Rate(80, 20),  # tier 4
    "assistant.threads.setSuggestedPrompts": Rate(40, 10),  # tier 3
    "assistant.threads.setStatus": Rate(50, 10),  # special: about 60 per minute and conversation
    "agents.sessions.rename": Rate(40, 10),  # tier 3
    "agents.sessions.setStatus": Rate(40, 10),  # tier 3
    "chat.startStream": Rate(16, 4),  # tier 2
    "chat.stopStream": Rate(16, 4),  # tier 2
    "chat.appendStream": Rate(80, 20),  # tier 4
    "chat.delete": Rate(40, 10),  # tier 3
    "conversations.members": Rate(80, 20),  # tier 4
    "conversations.list": Rate(16, 4),  # tier 2
    "apps.connections.open": Rate(8, 20),  # tier 1, but an app may open its ten connections at once, and again
    "apps.manifest.export": Rate(40, 10),  # tier 3
    "bots.info": Rate(40, 10),  # tier 3
    "auth.test": Rate(400, 50),  # special: about 600 per minute
    "users.info": Rate(80, 20),  # tier 4
    "usergroups.users.list": Rate(12, 8),  # tier 2
    "conversations.info": Rate(40, 10),  # tier 3
    "conversations.history": Rate(40, 10),  # tier 3
    "conversations.replies": Rate(40, 10),  # tier 3
}
"""Per workspace, of Slack's published tiers (20, 50 and 100 per minute for tiers 2, 3 and 4). What may go at once after a pause and what
follows in a minute stay within the tier together: past it Slack lets nothing of the method through for a while, not even a card."""
OTHER_RATE: Final = Rate(16, 4)
CHANNEL_RATE: Final = Rate(60, 5)
"""Posts to one channel: about one a second, with short bursts."""
RESERVED: Final = 5
"""Calls of a method's burst that progress leaves for cards and answers."""
HIGHEST_PRICE: Final = 4
"""As how many calls one call of progress counts, at most, where Slack refused more: as if there were four processes."""
DEAR_SECONDS: Final = 600.0
"""For how long after the last refusal."""
STATUS_CHARS: Final = 100
SESSION_TITLE: Final = 200
"""Slack's own limit for the title of a thread in direct messages."""
STREAM_SECONDS: Final = 2.0
"""Shortest time between two additions to a stream."""
PROGRESS_SECONDS: Final = 1.5
"""Shortest time between two edits of one progress message."""
