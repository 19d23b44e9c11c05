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
    subprocess.run([*tool, "build"], cwd=ROOT, check=True)
    is_up = subprocess.run([*tool, "status"], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0
    subprocess.run([*tool, "up"], cwd=ROOT, check=True)
    try:
        lines = subprocess.run([*tool, "env"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        asyncio.run(product.main({**os.environ, **places.read_environment(lines)}))
    finally:
        if not is_up:
            subprocess.run([*tool, "down"], cwd=ROOT, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
