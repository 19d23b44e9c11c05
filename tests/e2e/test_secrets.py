"""What Secrets hold reaches nobody: not Slack, not the model, not the program's log, not its database, whatever is asked for and how."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import re
import secrets
import string
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.devslack.driver import Driver
from tests.e2e.canaries import Canary, find, plant, read_account_token, read_all
from tests.e2e.conftest import Bot, Bots, Cluster
from tests.e2e.model import Listener, listening_model
from tests.e2e.parts import AuditLog, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

MARK = r"\[redacted:[0-9a-z-]{12}\]"
ENCODED = r"W3JlZGFjdGVkO"  # the base64 of a mark's beginning

REVERSE = """rev() { awk '{for (i = length; i; i--) printf "%s", substr($0, i, 1); print ""}'; }"""

GETS = [
    ("kubectl get secrets -o wide --show-labels", "opaque"),
    ("kubectl get secrets -o yaml --show-managed-fields", ENCODED),
    ("kubectl get secrets,configmaps -o json", ENCODED),
    ("kubectl get secret opaque -o jsonpath='{.data.password}' | base64 -d", MARK),
    ("kubectl get secrets -o jsonpath='{range .items[*]}{.data}{end}'", ENCODED),
    ("""kubectl get secrets -o go-template='{{range .items}}{{range $k, $v := .data}}{{$k}}={{$v | base64decode}} {{end}}{{end}}'""", MARK),
    ("kubectl get secrets -o custom-columns=NAME:.metadata.name,DATA:.data,NOTES:.metadata.annotations", ENCODED),
    ("kubectl get secret release -o jsonpath='{.data.release}' | base64 -d | base64 -d | gunzip", "gunzip|base64"),
    ("kubectl get secret account -o jsonpath='{.data.token}' | base64 -d | cut -d. -f2 | base64 -d | rev", "."),
    ("kubectl get configmap release -o jsonpath='{.data.release}'", MARK),
    ("kubectl describe secrets,configmaps", "bytes"),
]
SPACE = "$(jq -r '.contexts[0].context.namespace' $KUBECONFIG)"
CURL = "curl -sk --compressed -H \"Authorization: Bearer $(jq -r '.users[0].user.token' $KUBECONFIG)\" "
CURL += f"$(jq -r '.clusters[0].cluster.server' $KUBECONFIG)/api/v1/namespaces/{SPACE}"
RAW = [
    (f"kubectl get --raw /api/v1/namespaces/{SPACE}/secrets", ENCODED),
    (f"kubectl get --raw '/api/v1/secrets?fieldSelector=metadata.namespace%3D'{SPACE}", ENCODED),
    (f"kubectl get --raw '/api/v1/watch/namespaces/'{SPACE}'/secrets?timeoutSeconds=1'", ENCODED),
    (f"kubectl get --raw '/api/v1/namespaces/'{SPACE}'/secrets?watch=true&timeoutSeconds=1&sendInitialEvents=false'", ""),
    (f"kubectl get --raw '/api/v1/watch/namespaces/'{SPACE}'/secrets/opaque?timeoutSeconds=1'", ENCODED),
    ("timeout 5 kubectl get secrets --watch --output-watch-events -o json", ENCODED),
    (f"{CURL}/secrets -H 'Accept: application/vnd.kubernetes.protobuf'", "NotAcceptable"),
    (f"{CURL}/secrets/opaque -H 'Accept: application/cbor'", "NotAcceptable"),
    (f"{CURL}/secrets -H 'Accept: application/yaml'", "NotAcceptable"),
    (f"{CURL}/secrets?includeObject=Object -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io'", ENCODED),
    (f"{CURL}/secrets -H 'Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'", MARK),
    (f"{CURL}/secrets?pretty=true -H 'Range: bytes=0-4000' -H 'If-None-Match: x'", ENCODED),
    ("kubectl get secret opaque -v=9 -o name", ENCODED),
    ("kubectl get events,serviceaccounts,pods -o yaml", "kind: List"),
    ("kubectl create token default --duration=10m", "never shown"),
    ("kubectl create secret generic local --from-literal=password=typed-by-a-person --dry-run=server -o yaml", ENCODED),
]
CHANGES = [
    ("kubectl label secret opaque seen=yes -o yaml", ENCODED),
    ("kubectl annotate secret tls seen=yes -o json", ENCODED),
    ('kubectl patch secret basic -p \'{"stringData": {"note": "typed"}}\' -o yaml', ENCODED),
    ('kubectl patch secret opaque --type=json -p \'[{"op": "add", "path": "/data/extra", "value": "dHlwZWQ="}]\' -o json', ENCODED),
    ('kubectl patch secret registry --type=merge -p \'{"metadata": {"labels": {"a": "b"}}}\' --dry-run=server -o yaml', ENCODED),
    ("KUBE_EDITOR=cat kubectl edit secret ssh", "apiVersion|no changes"),
    ("KUBE_EDITOR='sed -i \"s/^  name: ssh$/  name: ssh\\n  labels: {edited: yes-it-is}/\"' kubectl edit secret ssh -o yaml", ENCODED),
    ("kubectl get secrets -o yaml", ENCODED),
    ("kubectl get secret opaque -o jsonpath='{.data.extra}' | base64 -d", MARK),
    ("printf derived-{namespace} | sha256sum | head -c 40 >made; kubectl create secret generic made --from-file=made -o yaml", ENCODED),
    ("""echo '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "noted"}, "data": {"more": "dHlwZWQ="}}' >new.json""", ""),
    ("kubectl diff -f new.json", "more"),
    ("kubectl apply -f new.json -o yaml", ENCODED),
    ("kubectl apply --server-side --force-conflicts -f new.json -o json", ENCODED),
    ("kubectl delete secret fixed --wait=false; kubectl get secret fixed", "not found"),
]
HIDDEN = "hidden Secret value"
STOLEN = "$(kubectl get secret opaque -o jsonpath='{.data.password}' | base64 -d)"
REFUSED = [
    ("kubectl get secret opaque -o yaml | sed 's/^type:/type:/' | kubectl replace -f -", HIDDEN),
    ("kubectl get secret opaque -o json | jq '.metadata = {name: \"copy\"}' | kubectl create -f -", HIDDEN),
    ("kubectl get secret opaque -o json | kubectl apply --server-side --force-conflicts -f -", HIDDEN),
    (f'kubectl create configmap copy --from-literal=value="{STOLEN}"', HIDDEN),
    (f'kubectl create configmap copy --from-literal=value="$(echo "x{STOLEN}" | base64)"', HIDDEN),
    (f'kubectl annotate deployment web value="{STOLEN}"', HIDDEN),
    (f'kubectl patch secret basic -p "{{\\"stringData\\": {{\\"copy\\": \\"{STOLEN}\\"}}}}"', HIDDEN),
    ('kubectl patch secret opaque --type=json -p \'[{"op": "test", "path": "/data/password", "value": "eA=="}]\'', "may only add"),
    ('kubectl patch secret opaque --type=json -p \'[{"op": "copy", "from": "/data/password", "path": "/data/x"}]\'', "may only add"),
    ('kubectl patch secret tls -p \'{"type": "Opaque"}\'', "immutable"),
    ('kubectl patch secret fixed -p \'{"stringData": {"password": "guess"}}\'', "immutable"),
    ('kubectl patch secret registry -p \'{"stringData": {".dockerconfigjson": "{\\"auths"}}\'', "nvalid"),
]

SCRIPT = """
models: [scripted]
rules:
  - when: {question: what do the secrets hold, step: 0}
    reply: [{call: {args: {command: "kubectl get secrets -o yaml"}}}, {call: {args: {command: "kubectl describe secret opaque"}}}]
  - when: {}
    reply: [{text: "They hold values that nobody is shown."}]
"""


@pytest_asyncio.fixture
async def model() -> AsyncIterator[Listener]:
    async with listening_model(SCRIPT) as listener:
        yield listener


@dataclass
class Story:
    """A bot with a model, people who write in threads, and all that came of it."""

    bot: Bot
    slack: Driver
    model: Listener
    folder: Path
    audit: AuditLog

    async def run(self, commands: Sequence[tuple[str, str]], namespace: str = "") -> tuple[str, list[str]]:
        """Runs command lines as one message in a thread of its own: the thread, and what each of them printed."""
        lines = [f"printf '\\n=== {number}\\n'; {{ {command}; }} 2>&1" for number, (command, _) in enumerate(commands)]
        text = "```! " + "; ".join([REVERSE, *lines]).replace("{namespace}", namespace) + "```"
        thread = str((await self.slack.say("ana", "oncall", f"@kubectl-ai {text}"))["ts"])
        query = "SELECT data FROM entries WHERE thread_id LIKE ? AND kind IN ('answered', 'proposed')"
        rows = await until("the commands ran", lambda: self.bot.database.rows(query, f"%{thread}"))
        printed = json.loads(rows[0]["data"])["result"]["stdout"]
        return thread, re.split(r"\n=== \d+\n", printed)[1:]

    async def ask_model(self, thread: str) -> None:
        """A question in a thread: the model gets what was printed there, and looks for itself."""
        await self.slack.say("ana", "oncall", "What do the secrets hold?", thread)
        await self.slack.wait_for_message("oncall", "values that nobody is shown", thread)

    async def sinks(self) -> dict[str, bytes]:
        """Everything that anybody but the cluster got."""
        people = [await self.slack.ask(kind, **{"as": person}) for person in ("ana", "ben") for kind in ("ephemerals", "views")]
        seen = [await self.slack.ask("log"), await self.slack.messages("oncall"), people]
        with self.audit.path.open("rb") as log:
            log.seek(self.audit.offset)
            api_server = log.read()
        return {
            "Slack": json.dumps(seen, ensure_ascii=False).encode() + (self.folder / "slack.log").read_bytes(),
            "the model": "\n".join(self.model.bodies).encode(),
            "the program's log": self.bot.process.output.encode(),
            "the database": b"".join(path.read_bytes() for path in sorted(self.folder.glob("bot.db*")) if "key" not in path.name),
            "the API server's audit log": api_server,
        }


@pytest_asyncio.fixture
async def story(cluster: Cluster, bots: Bots, model: Listener, namespace: str, tmp_path: Path) -> Story:
    bot = bots.make(namespace=namespace, model=model.environment)
    await bot.start()
    return Story(bot, bot.slack, model, tmp_path, cluster.audit())


def unexpected(commands: Sequence[tuple[str, str]], printed: Sequence[str]) -> list[tuple[str, str]]:
    """The commands that did not print what shows that they did what they were made for."""
    assert len(printed) == len(commands)
    return [(command, text[-1000:]) for (command, expected), text in zip(commands, printed, strict=True) if not re.search(expected, text)]


async def test_no_value_of_a_secret_leaves_the_cluster(cluster: Cluster, story: Story, namespace: str) -> None:
    """Over reads, watches, dry-run results, the card and its details, an approved change, and what the model is told of all that."""
    canaries = plant(cluster, namespace) + await read_account_token(cluster, namespace)
    story.audit = cluster.audit()
    held = read_all(cluster, namespace)
    derived = Canary("made in the sandbox", hashlib.sha256(f"derived-{namespace}".encode()).hexdigest()[:32])

    groups = (GETS, RAW, CHANGES)
    (first, gets), (_, raw), (changing, changes) = await asyncio.gather(*(story.run(commands, namespace) for commands in groups))
    card = await story.slack.wait_for_message("oncall", lambda m: "Approve" in json.dumps(m), changing)
    await story.slack.click("ben", "oncall", card["ts"], "details")
    details = json.dumps(await story.slack.wait_for_view("ben", "secrets/opaque"))
    await story.slack.click("ben", "oncall", card["ts"], "approve")
    await story.slack.wait_for_message("oncall", lambda m: m["ts"] == card["ts"] and "done" in json.dumps(m), changing)
    for thread in (first, changing):
        await story.ask_model(thread)

    assert unexpected(GETS, gets) + unexpected(RAW, raw) + unexpected(CHANGES, changes) == []
    sinks = await story.sinks()
    assert {name: found for name, seen in sinks.items() if (found := find([*canaries, derived], seen))} == {}
    assert {found.rpartition(", ")[0] for found in find(canaries, held)} == {canary.name for canary in canaries}
    assert find([derived], read_all(cluster, namespace)) == ["made in the sandbox, plain"]
    assert re.search(MARK, details)
    assert len(story.model.bodies) >= 4
    assert [name for name in ("Slack", "the model", "the database") if ENCODED.encode() not in sinks[name]] == []


async def test_a_write_with_a_mark_proposes_nothing(cluster: Cluster, story: Story, namespace: str) -> None:
    """It would put the mark in the value's place, or carry it to where others read it. What the API server says to such writes
    tells nothing either."""
    canaries = plant(cluster, namespace)
    story.audit = cluster.audit()

    _, printed = await story.run(REFUSED)

    assert unexpected(REFUSED, printed) == []
    assert story.bot.database.rows("SELECT * FROM changes") == []
    assert "copy" not in cluster.kubectl("-n", namespace, "get", "secrets,configmaps", "-o", "name")
    assert {name: found for name, seen in (await story.sinks()).items() if (found := find(canaries, seen))} == {}


def credentials() -> dict[str, str]:
    """Such as programs print by mistake."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    capitals = "".join(random.choices(string.ascii_uppercase + "234567", k=16))
    parts = [
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b'{"sub":"shop"}', secrets.token_bytes(64))
    ]
    return {
        "an AWS key": f"AKIA{capitals}",
        "a token": ".".join(parts),
        "a private key": key.splitlines()[1],
        "a GitHub token": f"ghp_{secrets.token_hex(18)}",
        "a password": secrets.token_hex(12),
    }


async def test_credentials_in_output_are_marked(story: Story) -> None:
    """The commands hold them backwards, so that only the output has them as they are."""
    given = credentials()
    backwards = {name: value[::-1] for name, value in given.items()}
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    commands = [
        (f"echo {backwards['an AWS key']} | rev", MARK),
        (f"echo {backwards['a token']} | rev >&2", MARK),
        (f"echo {begin}; echo {backwards['a private key']} | rev; echo {end}", MARK),
        (f"echo export TOKEN=$(echo {backwards['a GitHub token']} | rev)", MARK),
        (f"echo DB_PASSWORD=$(echo {backwards['a password']} | rev)", MARK),
        ("cat $KUBECONFIG", MARK),
        ("echo sha256:$(echo x | sha256sum); kubectl get nodes -o name", "^sha256:[0-9a-f]{64} -\nnode/"),
    ]

    thread, printed = await story.run(commands)
    await story.ask_model(thread)

    assert unexpected(commands, printed) == []
    sinks = await story.sinks()
    assert [(name, what) for name, seen in sinks.items() for what, value in given.items() if value.encode() in seen] == []
