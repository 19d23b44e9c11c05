"""Strategies for HTTP requests to the Kubernetes API that nobody sane would send, and many that somebody would."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class OddRequest:
    """One request. `headers` may name a header more than once."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


METHODS = st.sampled_from(["GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE", "DELETE", "DELETE", "HEAD", "PURGE", "get", "OPTIONS"])

_RESOURCES = [
    ("/api/v1", "configmaps", "settings"),
    ("/api/v1", "pods", "p1"),
    ("/api/v1", "secrets", "creds"),
    ("/api/v1", "services", "web"),
    ("/api/v1", "serviceaccounts", "robot"),
    ("/api/v1", "events", "none"),
    ("/api/v1", "replicationcontrollers", "none"),
    ("/apis/apps/v1", "deployments", "web"),
    ("/apis/apps/v1", "statefulsets", "db"),
    ("/apis/apps/v1", "replicasets", "none"),
    ("/apis/batch/v1", "jobs", "none"),
    ("/apis/batch/v1", "cronjobs", "tick"),
    ("/apis/policy/v1", "poddisruptionbudgets", "guard"),
    ("/apis/autoscaling/v2", "horizontalpodautoscalers", "web"),
    ("/apis/rbac.authorization.k8s.io/v1", "roles", "none"),
    ("/apis/example.com/v1", "widgets", "w1"),
]
_CLUSTER_WIDE = [
    ("/api/v1", "nodes", "n1"),
    ("/api/v1", "namespaces", "shop"),
    ("/api/v1", "persistentvolumes", "none"),
    ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", "widgets.example.com"),
    ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", "view"),
    ("/apis/certificates.k8s.io/v1", "certificatesigningrequests", "none"),
    ("/apis/apiregistration.k8s.io/v1", "apiservices", "v1.apps"),
]
_OTHER = [
    "/",
    "/api",
    "/apis",
    "/version",
    "/healthz",
    "/metrics",
    "/logs/",
    "/openapi/v2",
    "/debug/flags/v",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "/api/v1/componentstatuses/etcd-0",
    "/api/v1/proxy/nodes/n1",
]
_SUBRESOURCES = ["", "", "", "", "status", "scale", "eviction", "binding", "ephemeralcontainers", "resize", "token", "finalize", "approval"]
_SUBRESOURCES += ["exec", "log", "proxy", "proxy/x/y", "nothing"]
_NAMES = ["made", "SETTINGS", "a b", "..", "x" * 300]


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path of the API, in its normal form or not."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from(_OTHER))
    root, resource, name = draw(st.sampled_from(_RESOURCES if kind < 8 else _CLUSTER_WIDE))
    namespace = f"/namespaces/{draw(st.sampled_from(['shop', 'shop', 'shop', 'default', 'none']))}" if kind < 7 else ""
    watch = "/watch" if draw(st.integers(0, 11)) == 0 else ""
    parts = [root + watch + namespace, resource]
    if draw(st.integers(0, 3)):
        parts.append(draw(st.sampled_from([name] * 8 + _NAMES)).replace(" ", "%20"))
        parts.append(draw(st.sampled_from(_SUBRESOURCES)))
    path = "/".join(part for part in parts if part)
    return draw(_mangled(path))


@st.composite
def _mangled(draw: st.DrawFn, path: str) -> str:
    """The path written in another way, or broken."""
    at = draw(st.integers(1, len(path) - 1))
    how = draw(st.integers(0, 29))
    if how == 0:
        return f"{path}/"
    if how == 1:
        return f"{path[:at]}%{ord(path[at]):02x}{path[at + 1 :]}"
    if how == 2:
        return path.replace("/", "//", 1)
    if how == 3:
        return path.replace("/namespaces", "/./namespaces").replace("/v1/", "/v1/../v1/", 1)
    if how == 4:
        return f"{path[:at]}{draw(st.sampled_from(['%2f', '%00', '%25', ';a=b', '%0a', '%c3%bc', '+', '%zz', chr(92)]))}{path[at:]}"
    if how == 5:
        return path.upper()
    return path


_PAIRS = [
    *["dryRun=All", "dryRun=", "dryRun", "dryRun=all", "dryRun=None", "%64ryRun=None", "dryrun=All", "dryRun=All%00", "dryRun[]=All"],
    *["fieldManager=x", "fieldManager=", "force=true", "propagationPolicy=Background", "gracePeriodSeconds=0", "orphanDependents=true"],
    *["pretty=true", "watch=true", "watch=1", "watch", "timeoutSeconds=1", "resourceVersion=0", "allowWatchBookmarks=true", "limit=1"],
    *["labelSelector=app", "labelSelector=app%3Dspare", "fieldSelector=metadata.name%3Dsettings", "fieldSelector=metadata.name!%3Dx"],
    *["fieldValidation=Ignore", "fieldValidation=Strict", "fieldValidation=x", "a;b=c", "&&", "%zz=1", "=", "continue=x", "as=Table"],
]
QUERIES = st.one_of(
    st.just(""),
    st.lists(st.sampled_from(_PAIRS), max_size=5).map("&".join),
    st.lists(st.sampled_from(_PAIRS), max_size=5).map("&".join),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?"), max_size=20),
)

_OPTIONS = [
    {},
    {"dryRun": []},
    {"dryRun": ["All"]},
    {"dryRun": ["All", "All"]},
    {"dryRun": ["None"]},
    {"dryRun": "All"},
    {"dryRun": None},
    {"dryrun": ["All"]},
    {"DryRun": [], "dryRun": ["All"]},
    {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0},
    {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}},
    {"kind": "DeleteOptions", "apiVersion": "policy/v1", "propagationPolicy": "Orphan"},
    {"apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions", "dryRun": []},
]
_OBJECTS = [
    {"metadata": {"name": "made"}, "data": {"a": "1"}},
    {"metadata": {"name": "made"}, "stringData": {"a": "1"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made", "dryRun": ["All"]}, "dryRun": ["All"]},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "made"}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 0}},
    {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": 0}},
    {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w1"}, "spec": {"size": 1}},
    {"metadata": {"generateName": "gen-"}, "data": {}},
    {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p1"}},
    {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p1"}, "deleteOptions": {"dryRun": ["All"]}},
    {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p1"}, "deleteOptions": {"dryRun": []}},
    {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "p1"}},
    {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p1"}, "target": {"kind": "Node", "name": "n1"}},
    {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}]},
    {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
]
_PATCHES = [
    {"spec": {"replicas": 0}},
    {"data": {"colour": "red"}},
    {"metadata": {"labels": {"x": "y"}}},
    {"metadata": {"finalizers": ["a.b/c"]}},
    {"metadata": None},
    {"status": {"phase": "Failed"}},
    [{"op": "replace", "path": "/spec/replicas", "value": 0}],
    [{"op": "add", "path": "/metadata/labels", "value": {"x": "y"}}],
    [{"op": "test", "path": "/data/password", "value": "x"}],
    [{"op": "remove", "path": "/metadata/name"}],
]
_RAW = [
    b"",
    b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x02\x08\x00",
    b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x00",
    b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x05*\x03All",
    b"k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\x08\n\x06\n\x04made",
    b"metadata: {name: made}\ndata: {a: b}\n",
    b"dryRun: [All]\n",
    b'{"dryRun":["All"],"dryRun":[]}',
    b'{"data":{"a":"1"}} {"dryRun":["All"]}',
    b"\xef\xbb\xbf{}",
    b"{}\x00",
    b"null",
    b"[" * 500,
]
_DOCUMENTS = st.one_of(st.sampled_from(_OPTIONS), st.sampled_from(_OBJECTS), st.sampled_from(_PATCHES)).map(orjson.dumps)
BODIES = st.one_of(_DOCUMENTS, _DOCUMENTS, _DOCUMENTS, st.sampled_from(_RAW), st.binary(max_size=20))

_KINDS = [
    *["application/json", "application/json;charset=utf-8", "APPLICATION/JSON", "application/yaml", "application/cbor", "text/plain"],
    *["application/vnd.kubernetes.protobuf", "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+cbor"],
    *["application/strategic-merge-patch+json", "application/apply-patch+yaml", "application/json, application/yaml", ";", "*/*"],
]
_OTHER_HEADERS = [
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Method-Override", "PUT"),
    ("Accept", "application/vnd.kubernetes.protobuf"),
    ("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"),
    ("Accept", "application/yaml"),
    ("Content-Encoding", "identity"),
    ("Content-Encoding", "gzip"),
    ("X-Remote-User", "eve"),
    ("Impersonate-User", "system:admin"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Expect", "100-continue"),
    ("If-Match", "*"),
    ("X-Forwarded-Uri", "/api/v1/namespaces/shop/configmaps/spare"),
]


@st.composite
def requests(draw: st.DrawFn) -> OddRequest:
    """Any request: half of them have a content type that fits."""
    method, path, query, body = draw(METHODS), draw(paths()), draw(QUERIES), draw(BODIES)
    fitting = "application/merge-patch+json" if method == "PATCH" else "application/json"
    kinds = draw(st.one_of(st.just([fitting]), st.just([]), st.lists(st.sampled_from(_KINDS), min_size=1, max_size=1)))
    others = draw(st.lists(st.sampled_from(_OTHER_HEADERS), max_size=2)) if draw(st.integers(0, 2)) == 0 else []
    return OddRequest(method, path, query, (*(("Content-Type", kind) for kind in kinds), *others), body)
