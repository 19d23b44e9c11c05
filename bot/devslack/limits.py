"""Slack's limits, in characters or items. Sources: Slack's Block Kit and method reference; others are named beside them."""

from __future__ import annotations

from typing import Final

BLOCKS_IN_MESSAGE: Final = 50
BLOCKS_IN_VIEW: Final = 100
BLOCKS_TEXT: Final = 13_200
"""All text of a message's blocks together; more is `msg_blocks_too_long` (measured by users: bolt-js issue 2509)."""
MESSAGE_TEXT: Final = 40_000
UPDATED_TEXT_BYTES: Final = 4_000
"""`chat.update` counts bytes of the escaped text, and its limit is far lower than that of `chat.postMessage`."""
MARKDOWN_TOTAL: Final = 12_000
"""Over all `markdown` blocks of one message, and for `markdown_text`."""
METADATA_JSON: Final = 16_000

SECTION_TEXT: Final = 3_000
SECTION_FIELDS: Final = 10
SECTION_FIELD: Final = 2_000
HEADER_TEXT: Final = 150
CONTEXT_ELEMENTS: Final = 10
CONTEXT_TEXT: Final = 3_000
ACTIONS_ELEMENTS: Final = 25
ID: Final = 255
"""`block_id`, `action_id`, `callback_id`, `external_id`."""

BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
URL: Final = 3_000
ACCESSIBILITY_LABEL: Final = 75
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
SELECT_OPTIONS: Final = 100
OVERFLOW_OPTIONS: Final = 5
CHOICE_OPTIONS: Final = 10
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
PLACEHOLDER: Final = 150
INPUT_LABEL: Final = 2_000
INPUT_HINT: Final = 2_000
INPUT_TEXT: Final = 3_000
ALT_TEXT: Final = 2_000
TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20
TABLE_CHARS: Final = 10_000
"""All cells of one table; a message has one table at most."""
VIEW_JSON_BYTES: Final = 250_000

SUGGESTED_PROMPTS: Final = 4
SESSION_TITLE: Final = 200
"""Whether Slack counts characters or UTF-16 units is not documented; here it is units, of which there are more."""
VIEW_TITLE: Final = 24
VIEW_BUTTON: Final = 24
PRIVATE_METADATA: Final = 3_000
VIEW_STACK: Final = 3
"""Modals on top of each other."""
