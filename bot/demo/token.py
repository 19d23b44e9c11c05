"""`python -m bot.demo.token KUBECONFIG`: a credential plugin that makes tokens of the bot's ServiceAccount as the cluster's administrator.

The demo's bot has the rights of an installed one, no more, and goes on for longer than one token lives.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

NAMESPACE, ACCOUNT = "kubectl-ai", "kubectl-ai-slack"
_COMMAND = ["kubectl", "--namespace", NAMESPACE, "create", "token", ACCOUNT, "--duration=1h", "--output=json"]


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """A TokenRequest's answer as an ExecCredential of client.authentication.k8s.io/v1."""
    token = request["status"]
    status = {"token": token["token"], "expirationTimestamp": token["expirationTimestamp"]}
    return {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}


def main() -> int:
    """The credential on stdout; the exit code of kubectl, which says itself what is wrong."""
    done = subprocess.run(_COMMAND, env={**os.environ, "KUBECONFIG": sys.argv[1]}, stdout=subprocess.PIPE, check=False)
    if done.returncode == 0:
        print(json.dumps(convert(json.loads(done.stdout))))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
