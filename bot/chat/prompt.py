"""The prompt: questions, command lines, and the words that steer the conversation, most of them those of a thread in Slack."""

from __future__ import annotations

from importlib.metadata import version

from bot.chat import sessions
from bot.chat.conversation import Conversation
from bot.chat.deciding import ReadLine
from bot.chat.screen import Screen

HELP = """\
Ask about the cluster, or run a command line:

- a question: `why is the shop down?`
- a command line: `kubectl get pods`, or `!` and any shell line
- `triage` or `triage <namespace>`: what is unhealthy, why, since when
- `undo` or `undo <number>` proposes to take back a change, `status` says what is open
- `clear` lets the model forget, `model` shows the models and chooses one, `tools` lists its tools, `export` writes a file
- `sessions` lists the conversations, `session` says how to go on with this one later, `version` is that of this program
- Ctrl-C stops what is going on, `exit` or Ctrl-D ends

Whatever a command would change is shown first; it happens only when you approve it."""

_SAME_AS = {"reset": "clear", "models": "model"}
"""Words of kubectl-ai for what has another name here."""


async def run(conversation: Conversation, screen: Screen, read_line: ReadLine) -> None:
    """Reads lines until `exit`, Ctrl-D, or Ctrl-C at the prompt."""
    screen.say("Ask, or write `help`.")
    while True:
        try:
            line = read_line("\n>>> ").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if line.lower() in ("exit", "quit"):
            return
        if line:
            await _obey(conversation, screen, _SAME_AS.get(line.lower(), line))


async def _obey(conversation: Conversation, screen: Screen, line: str) -> None:
    word, _, rest = line.partition(" ")
    match word.lower():
        case "help" | "?" if not rest:
            screen.show_answer(HELP)
        case "stop" if not rest:
            screen.say("Nothing is going on.")
        case "sessions" if not rest:
            screen.show_output(await conversation.describe_all())
        case "session" | "save-session" if not rest:
            screen.say(f"Everything is kept. To go on with this conversation: {sessions.how_to_resume(conversation.name)}")
        case "resume-session":
            screen.say(f"Another conversation needs a start of its own: {sessions.how_to_resume(rest.strip() or 'ID')}")
        case "version" if not rest:
            screen.say(f"kubectl-ai-slack {version('kubectl-ai-slack')}")
        case "undo" if not rest or rest.strip().isdecimal():
            await conversation.undo(int(rest) if rest else None)
            await conversation.watch_rollouts()
        case _:
            await conversation.write(line)
            await conversation.watch_rollouts()
