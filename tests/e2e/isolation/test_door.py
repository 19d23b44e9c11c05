"""What the gateway does not take from a sandbox: other tokens, other people, and requests that two programs could read differently.
From inside a real gVisor pod; the API server's own log tells what arrived."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.e2e.conftest import GATEWAY, Cluster
from tests.e2e.isolation.rehearsals import CANARY, WRITES, Ask, Scene, is_bots, persists, token_of, write_command
from tests.e2e.parts import AuditLog, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="package")]

JSON = "Content-Type: application/json"
LIMITS: dict[str, Any] = {"timeout_seconds": 30, "max_output_bytes": 1_000_000}


async def test_only_the_own_token_opens_the_gateway_and_only_while_the_command_runs(scene: Scene, nothing_lands: AuditLog) -> None:
    target = f"{scene.maps}/kept"
    async with scene.parts.rehearse(scene.sandbox) as over:
        finished = token_of(over)
    async with scene.parts.rehearse(scene.other) as others:
        stolen = token_of(others)
        protocol = "base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(stolen.encode()).decode().rstrip("=")
        forged = (f"X-Forwarded-For: {scene.other.address}", f"X-Real-IP: {scene.other.address}", f"Forwarded: for={scene.other.address}")
        asks = [
            Ask("GET", target, token=stolen),
            Ask("GET", target, forged, token=stolen),
            Ask("DELETE", target, token=stolen),
            Ask("GET", target, token=finished),
            Ask("DELETE", target, token=finished),
            Ask("GET", target, token=""),
            Ask("GET", target, token="guessed"),
            Ask("GET", target, token=stolen[:-1]),
            Ask("GET", target, (f"Authorization: Basic {base64.b64encode(f':{stolen}'.encode()).decode()}",), token=""),
            Ask("GET", f"{target}?access_token={stolen}&token={finished}", token=""),
            Ask("GET", target, ("Upgrade: websocket", f"Sec-WebSocket-Protocol: v5.channel.k8s.io, {protocol}"), token=""),
            Ask("GET", "/version", token=""),
        ]

        answers = await scene.parts.send(scene.sandbox, asks)
        (own,) = await scene.parts.send(scene.sandbox, [Ask("GET", target)])
        ran = await scene.other.run(write_command([Ask("GET", target, token=stolen)]), others.kubeconfig, **LIMITS)

    assert [answer.status for answer in answers] == [401] * len(asks)
    assert all("This token is not valid here, or its rehearsal is over." in answer.text for answer in answers)
    assert (own.status, own.object["data"]["value"]) == (200, CANARY)
    assert json.loads(ran.stdout)[0][0] == 200
    assert (others.end().reads, others.end().writes) == (1, ())


async def test_nobody_else_can_be_impersonated(scene: Scene, nothing_lands: AuditLog) -> None:
    heads = ["Impersonate-User: kubernetes-admin", "impersonate-user: system:admin", "Impersonate-Group: system:masters"]
    heads += ["Impersonate-Uid: 1", "Impersonate-Extra-Scopes: all", "IMPERSONATE-USER:"]
    asks = [Ask(method, f"{scene.maps}/kept", (head,)) for head in heads for method in ("GET", "DELETE")]
    proxied = ("X-Remote-User: kubernetes-admin", "X-Remote-Group: system:masters", "Impersonate_User: kubernetes-admin")
    review = b'{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}'

    answers = await scene.parts.send(scene.sandbox, asks)
    (whoami,) = await scene.parts.send(
        scene.sandbox, [Ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", (JSON, *proxied), review)]
    )
    ran, recording = await scene.parts.run(scene.sandbox, "kubectl --as=kubernetes-admin --as-group=system:masters delete configmap kept")

    assert [answer.status for answer in answers] == [403] * len(asks)
    assert all("Nobody can be impersonated" in answer.text and CANARY not in answer.text for answer in answers)
    assert whoami.object["status"]["userInfo"]["username"] == "system:serviceaccount:kubectl-ai:kubectl-ai-reader"
    assert ran.exit_code == 1
    assert recording.writes == ()


def protobuf_options(fields: bytes) -> bytes:
    """DeleteOptions as kubectl's own library sends them: a magic number, then `runtime.Unknown` around the fields."""
    kind = b"\n\x02v1\x12\rDeleteOptions"
    return b"k8s\x00" + b"\n" + bytes([len(kind)]) + kind + b"\x12" + bytes([len(fields)]) + fields


DELETE_BODIES = [
    (JSON, b"{}"),
    (JSON, b'{"kind": "DeleteOptions", "apiVersion": "v1"}'),
    (JSON, b'{"propagationPolicy": "Foreground", "gracePeriodSeconds": 0}'),
    (JSON, b'{"dryRun": []}'),
    (JSON, b'{"dryRun": null}'),
    (JSON, b'{"dryRun": ["All"], "dryRun": []}'),
    (JSON, b'{"dryrun": ["All"]}'),
    (JSON, b'{"dryRun": "All"}'),
    (JSON, b'{"dryRun": ["None"]}'),
    ("Content-Type: application/json; charset=utf-8", b" \n{}"),
    ("Content-Type: application/vnd.kubernetes.protobuf", protobuf_options(b"")),
    ("Content-Type: application/vnd.kubernetes.protobuf", protobuf_options(b'"\x0aForeground')),
    ("X-None: no content type", b"{}"),
]
"""What the API server would take for a real deletion, whatever the query says."""
OWN_DRY_RUNS_IN_BODIES = [
    (JSON, b'{"dryRun": ["All"]}'),
    (JSON, b'{"dryRun": ["All"], "DRYRUN": []}'),
    ("Content-Type: application/vnd.kubernetes.protobuf", protobuf_options(b"*\x03All")),
]
UNREADABLE_BODIES = [
    ("Content-Type: application/yaml", b"kind: DeleteOptions"),
    ("Content-Type: application/cbor", b"\xa0"),
    ("Content-Type: text/plain", b"{}"),
    (JSON, b"{"),
    (JSON, b"[]"),
    ("Content-Type: application/vnd.kubernetes.protobuf", b"k8s\x00\xff"),
    ("Content-Type: application/vnd.kubernetes.protobuf", protobuf_options(b"\xfa\x01\x00")),
    (f"{JSON}\r\nContent-Encoding: gzip", gzip.compress(b"{}")),
]


async def test_no_delete_options_make_a_deletion_real(cluster: Cluster, scene: Scene, nothing_lands: AuditLog) -> None:
    """A DELETE with a body is a dry run by its body alone: this is where a proxy that only adds to the query loses data."""
    one, all_of_them = f"{scene.maps}/kept?dryRun=All", f"{scene.maps}?dryRun=All"
    asks = [Ask("DELETE", target, (head,), body) for head, body in DELETE_BODIES for target in (one, all_of_them)]
    asks += [Ask("DELETE", one, (JSON, "Transfer-Encoding: chunked"), b"2\r\n{}\r\n0\r\n\r\n"), Ask("DELETE", f"{scene.maps}/kept")]
    dry = [Ask("DELETE", f"{scene.maps}/kept", (head,), body) for head, body in OWN_DRY_RUNS_IN_BODIES]
    unreadable = [Ask("DELETE", one, (head,), body) for head, body in UNREADABLE_BODIES]
    cluster.kubectl("-n", scene.namespace, "create", "configmap", "doomed")

    answers = await scene.parts.send(scene.sandbox, asks)
    own = await scene.parts.send(scene.sandbox, dry)
    refused = await scene.parts.send(scene.sandbox, unreadable)
    cluster.kubectl("-n", scene.namespace, "delete", "configmap", "doomed")

    assert [(answer.ask, answer.status) for answer in answers if answer.status != 200] == []
    assert [answer.ask for answer in answers if [w.request.method for w in answer.recording.writes] != ["DELETE"]] == []
    assert [(a.ask, a.status) for a in own if a.status != 200 or a.recording.writes] == []
    assert [(a.ask, a.status) for a in refused if a.status not in (400, 415) or a.recording.writes or not a.recording.refused] == []
    deletions = await until("the log has them all", lambda: _deletions(nothing_lands, scene.namespace, len(asks) + len(dry) + 1))
    assert [(is_bots(event), persists(event)) for event in deletions] == [(True, False)] * len([*asks, *dry]) + [(False, True)]


def _deletions(audit: AuditLog, namespace: str, count: int) -> list[dict[str, Any]]:
    events = [e for e in audit.events() if e["verb"].startswith("delete") and (e.get("objectRef") or {}).get("namespace") == namespace]
    events = [e for e in events if e["objectRef"]["resource"] == "configmaps"]
    return events if len(events) >= count else []


ODD_DRY_RUNS = ["dryRun=", "dryRun", "dryRun=None", "dryRun=all", "dryRun=ALL", "dryRun=All&dryRun=", "dryRun=&dryRun=All"]
ODD_DRY_RUNS += ["dryRun=All&dryRun=None", "dryRun=All,None", "DryRun=All", "dryrun=All", "dryRun[]=All", "dryRun=%20All", "dryRun=false"]
OWN_DRY_RUNS = ["dryRun=All", "dryRun=All&dryRun=All", "dry%52un=A%6Cl"]


async def test_odd_dry_run_parameters_neither_apply_a_write_nor_hide_it(scene: Scene, nothing_lands: AuditLog) -> None:
    patch, item = b'{"data": {"value": "changed"}}', b'{"metadata": {"name": "made"}, "data": {"value": "new"}}'
    merge = "Content-Type: application/merge-patch+json"

    def each(query: str) -> list[Ask]:
        return [
            Ask("PATCH", f"{scene.maps}/kept?{query}", (merge,), patch),
            Ask("PUT", f"{scene.maps}/kept?{query}", (JSON,), item.replace(b"made", b"kept")),
            Ask("POST", f"{scene.maps}?{query}", (JSON,), item),
            Ask("DELETE", f"{scene.maps}/kept?{query}"),
        ]

    odd = await scene.parts.send(scene.sandbox, [ask for query in ODD_DRY_RUNS for ask in each(query)])
    own = await scene.parts.send(scene.sandbox, [ask for query in OWN_DRY_RUNS for ask in each(query)])

    assert [(a.ask, a.status) for a in (*odd, *own) if a.status not in (200, 201)] == []
    assert [a.ask for a in odd if len(a.recording.writes) != 1] == []
    assert [a.ask for a in own if a.recording.writes] == []
    assert [a.ask for a in odd for w in a.recording.writes if any(name.lower() == "dryrun" for name, _ in w.request.query)] == []
    sent = [
        e["requestURI"] for e in nothing_lands.events() if is_bots(e) and e["requestURI"].startswith(scene.maps) and e["verb"] in WRITES
    ]
    assert sent
    assert [
        uri for uri in sent if [pair for pair in parse_qsl(urlsplit(uri).query) if pair[0].lower() == "dryrun"] != [("dryRun", "All")]
    ] == []


async def test_paths_that_two_programs_could_read_differently_go_nowhere(scene: Scene, nothing_lands: AuditLog) -> None:
    mark, space = f"mark={uuid.uuid4().hex}", f"/api/v1/namespaces/{scene.namespace}"
    paths = [f"/{scene.maps}/kept", scene.maps.replace("/v1/", "//v1/") + "/kept", f"{scene.maps}//kept", f"{scene.maps}/kept//"]
    paths += [f"{scene.maps}/{up}/secrets" for up in ("..", "%2e%2e", "%2E%2e", ".%2e", "%252e%252e", "..%2f", "..%5c", "..\\")]
    paths += [f"{space}/pods/x/{up}/configmaps/kept" for up in ("..", "%2e%2e", "x/../..")]
    paths += [
        f"{scene.maps}/./kept",
        f"{scene.maps}/%2e/kept",
        f"{scene.maps}%2fkept",
        f"{scene.maps}/kept%2fstatus",
        f"{scene.maps}/kept%00",
    ]
    paths += [
        f"{scene.maps}/kept%",
        f"{scene.maps}/kept%zz",
        f"{scene.maps}/kept%ff",
        f"{scene.maps}/kept%0d%0aX:%20y",
        "/api/v1/watch",
        "/..",
    ]
    paths += [f"{scene.maps}/kept#", "*", "kept", "https://10.96.0.1", f"//10.96.0.1{scene.maps}/kept"]
    paths += [f"https://10.96.0.1{scene.maps}/../secrets", f"https://10.96.0.1/{scene.maps}/kept", f"ftp://10.96.0.1{scene.maps}/kept"]
    asks = [Ask(method, f"{path}?{mark}", (JSON,)) for path in paths for method in ("GET", "DELETE")]
    asks += [Ask(method, f"{scene.maps}/kept?{mark}") for method in ("OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PURGE")]
    asks += [Ask("GET", f"{scene.maps}/kept?{mark};dryRun=All"), Ask("POST", f"/?{mark}"), Ask("DELETE", f"/api/v1?{mark}")]
    both = (JSON, "Transfer-Encoding: chunked", "Content-Length: 5")
    asks.append(Ask("DELETE", f"{scene.maps}/kept?{mark}", both, b"0\r\n\r\n"))

    answers = await scene.parts.send(scene.sandbox, asks)
    (plain,) = await scene.parts.send(scene.sandbox, [Ask("GET", f"{scene.maps}/named.with.dots?{mark}")])

    assert [(answer.ask, answer.status) for answer in answers if not 400 <= answer.status <= 405] == []
    assert [answer.ask for answer in answers if CANARY in answer.text or answer.recording.writes] == []
    assert plain.status == 200
    reached = await until("the log has the plain one", lambda: [e["requestURI"] for e in nothing_lands.events() if mark in e["requestURI"]])
    assert reached == [f"{scene.maps}/named.with.dots?{mark}"]


async def test_a_whole_address_as_target_leads_to_the_threads_cluster_all_the_same(scene: Scene, nothing_lands: AuditLog) -> None:
    """The form of requests to proxies: whatever host it names, the gateway asks the one API server, and rehearses."""
    mark = f"mark={uuid.uuid4().hex}"
    addresses = ["https://10.96.0.1", f"http://{GATEWAY}:10250", "https://user:word@169.254.169.254", "HTTPS://kubernetes.default.svc"]

    read = await scene.parts.send(scene.sandbox, [Ask("GET", f"{address}{scene.maps}/kept?{mark}") for address in addresses])
    deleted = await scene.parts.send(scene.sandbox, [Ask("DELETE", f"{address}{scene.maps}/kept?{mark}") for address in addresses])

    assert [(a.status, a.object["data"]["value"]) for a in read] == [(200, CANARY)] * len(addresses)
    assert [(a.status, [w.request.path for w in a.recording.writes]) for a in deleted] == [(200, [f"{scene.maps}/kept"])] * len(addresses)
    uris = await until("the log has them", lambda: _marked(nothing_lands, mark, 2 * len(addresses)))
    assert {urlsplit(uri).path for uri in uris} == {f"{scene.maps}/kept"}


def _marked(audit: AuditLog, mark: str, count: int) -> list[str]:
    uris = [event["requestURI"] for event in audit.events() if mark in event["requestURI"]]
    return uris if len(uris) >= count else []


async def test_streams_and_credentials_are_refused(scene: Scene, nothing_lands: AuditLog) -> None:
    pod = scene.cluster.kubectl("-n", scene.namespace, "get", "pods", "-l", "app=web", "-o", "name").strip()
    proxy = f"/api/v1/namespaces/{scene.namespace}/{pod.replace('pod/', 'pods/')}:8080/proxy/"
    node = "/api/v1/nodes/kas/proxy"
    commands = [
        f"kubectl exec {pod} -- cat /etc/passwd",
        f"kubectl attach {pod}",
        f"kubectl port-forward {pod} 8080:8080",
        f"kubectl cp {pod.removeprefix('pod/')}:/etc/passwd passwd",
        f"kubectl get --raw {proxy}",
        f"kubectl get --raw {node}/pods",
        f"kubectl create --raw {node}/run/{scene.namespace}/x/web -f /dev/null",
        "kubectl create token default",
        "kubectl auth can-i --list --as=system:admin",
    ]

    ran, _ = await scene.parts.run(scene.sandbox, "; ".join(f"{c} </dev/null; echo code $?" for c in commands), 60)

    assert [line for line in ran.stdout.splitlines() if line.startswith("code")] == ["code 1"] * len(commands)
    assert "root:" not in ran.stdout
    assert "eyJ" not in ran.stdout + ran.stderr
