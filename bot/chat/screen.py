"""Where things are written. For a person, on a terminal: Markdown, colours, and what is going on right now, redrawn in place. For a program
that reads stdout: the commands on `Running:` lines and then the answer as it is, nothing else; the rest goes to stderr.
"""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.spinner import Spinner
from rich.text import Text

from bot.slack.rendering.text import clean, flatten, reveal

_TAIL_LINES = 12
"""Lines of an answer that are shown while it comes."""
_COMMAND_CHARS = 10_000


class Screen:
    """Writes; what it is given is untrusted and cannot steer the terminal."""

    def __init__(self, out: Console, err: Console) -> None:
        self._out = out
        self._err = err
        self._live: Live | None = None

    @property
    def is_live(self) -> bool:
        """Whether a person looks at it as it is written."""
        return self._out.is_terminal

    def show_running(self, command: str) -> None:
        """`Running: kubectl get pods`, on one line whatever the command holds: readers of stdout go by these lines."""
        line = reveal(command[:_COMMAND_CHARS].rstrip("\n")).replace("\n", "\\n")
        self._print(Text(f"\n  Running: {line}", style="green"))

    def show_output(self, text: str) -> None:
        """What a command printed."""
        if text.strip():
            self._print(Text(clean(text).rstrip("\n"), style="dim" if self.is_live else ""))

    def show_answer(self, text: str, code: str = "") -> None:
        """Markdown, and below it preformatted text."""
        if text.strip():
            if self.is_live:
                self._out.print(Markdown(clean(text)))
            else:
                self._print(Text(clean(text)))
        if code.strip():
            self._print(Text(clean(code).rstrip("\n")))

    def show_card(self, card: RenderableType) -> None:
        """A change."""
        (self._out if self.is_live else self._err).print(card)

    def say(self, text: str) -> None:
        """A sentence of this program."""
        console = self._out if self.is_live else self._err
        console.print(Text(clean(text).replace("`", ""), style="yellow" if self.is_live else ""), soft_wrap=True)

    def complain(self, text: str) -> None:
        """Why this program ends."""
        self._err.print(Text(clean(text)), soft_wrap=True)

    def show_now(self, headline: str, text: str = "") -> None:
        """What is going on, in place of what was shown by this before."""
        if not self.is_live:
            return
        parts: list[RenderableType] = []
        if text.strip():
            lines = clean(text).rstrip("\n").split("\n")
            parts.append(Markdown("\n".join(lines[-_TAIL_LINES:])))
        parts.append(Spinner("dots", Text(flatten(headline, 200), style="cyan")))
        if self._live is None:
            self._live = Live(console=self._out, transient=True, refresh_per_second=8)
            self._live.start()
        self._live.update(Group(*parts))

    def rest(self) -> None:
        """Nothing is going on any more: takes `show_now` away, so that a prompt can be shown."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: Text) -> None:
        """Literal text. Long lines are the terminal's to wrap, so that they can be copied whole."""
        self._out.print(text, soft_wrap=True)
