"""What a tool of an MCP server answered, as output of a program: text, bounded, without what looks like a credential. Pure."""

from __future__ import annotations

import json

from mcp_types import CallToolResult, ContentBlock, EmbeddedResource, ResourceLink, TextContent, TextResourceContents

from bot.values.execs import Output
from bot.values.redact_text import redact

MOST_CHARS = 1_000_000
"""Text that is kept of one answer."""
_MARK = "[redacted: a credential]"


def to_output(result: CallToolResult) -> Output:
    """The exit code is 1 if the tool tells of an error. What is no text is named, not shown."""
    text = "\n".join(_read(block) for block in result.content)
    if not text.strip() and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False, indent=2)
    is_long = len(text) > MOST_CHARS
    shown = redact(text[:MOST_CHARS], lambda _: _MARK)
    return Output(1 if result.is_error else 0, stdout=shown, truncated=is_long)


def _read(block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return f"{resource.uri}:\n{resource.text}"
        case EmbeddedResource():
            return f"({block.resource.uri}: binary data, which cannot be shown)"
        case ResourceLink():
            return f"({block.uri}: a resource that is not fetched)"
        case _:
            return f"({block.mime_type}, {len(block.data) * 3 // 4:,} bytes, which cannot be shown)"
