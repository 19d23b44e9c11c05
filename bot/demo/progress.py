"""How far the set-up is, for the terminal and for the page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Progress:
    """The setup's state, as the page shows it: a JSON file that is always whole."""

    path: Path
    started: float = field(default_factory=time.time)

    def write(self, phase: str, label: str, *, done: bool = False, error: str = "") -> None:
        """Says where the setup is, on the terminal and for the page."""
        print(f"demo: {label}" if not error else f"demo: {error}", file=sys.stderr, flush=True)
        # Steps are counted by the cluster's parts, which are what takes long; a second count would seem to go back.
        state = {"phase": phase, "step": 0, "steps": 0, "label": label, "message": ""}
        self._replace(state | {"done": done, "error": error})

    async def follow(self, part: Path) -> None:
        """Shows the progress file of a part, until cancelled: the page's clock goes on, and a part's end is not the setup's."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                self._replace(json.loads(part.read_text(encoding="utf-8")) | {"done": False, "error": ""})
            await asyncio.sleep(0.5)

    def _replace(self, state: dict[str, object]) -> None:
        state = state | {"started": self.started}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(self.path)
