"""`python -m bench`: the gateway against direct access, the loop by itself, Slack under load, then what people wait for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from bench import product
from bot.demo import places
from tests.e2e.parts import ROOT


def main() -> int:
    for figures in ("bench.gateway", "bench.agent", "bench.slack"):
        subprocess.run([sys.executable, "-m", figures], cwd=ROOT, check=True)
    if os.geteuid() != 0:
        print("product figures are skipped: the cluster with gVisor needs root")
        return 0
    tool = [sys.executable, "-m", "tests.cluster"]
    for phase in ("build", "up"):
        subprocess.run([*tool, phase], cwd=ROOT, check=True)
    lines = subprocess.run([*tool, "env"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    asyncio.run(product.main({**os.environ, **places.read_environment(lines)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
