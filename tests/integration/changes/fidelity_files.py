"""What the command lines of the fidelity table work with: the objects both namespaces start with, and files."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from bot.values.requests import Json
from tests.integration.gateway.files import lay_out

_FILES = {
    "gen.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {generateName: made-, labels: {app: spare}}
data: {a: "1"}
""",
    "list.json": """
{"apiVersion": "v1", "kind": "List", "items": [
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}},
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}}]}
""",
    "netpol.yaml": """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {}, policyTypes: [Ingress]}
""",
    "client.py": """
import os
from kubernetes import client, config
config.load_kube_config(os.environ["KUBECONFIG"])
namespace = os.environ["NS"]
core, apps = client.CoreV1Api(), client.AppsV1Api()
made = core.create_namespaced_config_map(namespace, {"metadata": {"name": "py"}, "data": {"a": "1"}})
print(made.metadata.name)
core.patch_namespaced_config_map("py", namespace, {"data": {"b": "2"}})
found = core.read_namespaced_config_map("py", namespace)
found.data["c"] = "3"
core.replace_namespaced_config_map("py", namespace, found)
apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}})
print(sorted(core.read_namespaced_config_map("py", namespace).data), apps.read_namespaced_deployment("web", namespace).spec.replicas)
core.delete_namespaced_config_map("settings", namespace, body=client.V1DeleteOptions(grace_period_seconds=0))
print([item.metadata.name for item in core.list_namespaced_config_map(namespace).items])
core.create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"colour": "red"}})
""",
}


def lay_out_all(folder: Path) -> None:
    """Writes every file that a line may name."""
    lay_out(folder)
    for name, text in _FILES.items():
        (folder / name).write_text(text.lstrip())
    for name, text in _make_certificates().items():
        (folder / name).write_text(text)
    (folder / "volume.yaml").write_text(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: disk}\n"
        "spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}\n"
    )


def seeds(namespace: str) -> list[tuple[str, Json]]:
    """The objects a namespace starts with, each with the path it is created at."""
    core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
    web = _workload("Deployment", "web", "nginx:1.25", env=[{"name": "MODE", "value": "fast"}])
    db = _workload("StatefulSet", "db", "postgres:17")
    db["spec"]["serviceName"] = "db"
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "tick", "image": "busybox"}]}}}}
    tick = {"metadata": {"name": "tick"}, "spec": {"schedule": "0 0 1 1 *", "jobTemplate": job}}
    return [
        ("/api/v1/namespaces", {"metadata": {"name": namespace}}),
        ("/api/v1/nodes", {"metadata": {"name": f"n-{namespace}"}}),
        (f"{core}/serviceaccounts", {"metadata": {"name": "robot"}}),
        (f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"colour": "blue", "size": "3"}}),
        (f"{core}/configmaps", {"metadata": {"name": "spare", "labels": {"app": "spare"}}, "data": {"a": "1"}}),
        (f"{core}/services", {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        (f"{apps}/deployments", web),
        (f"{apps}/statefulsets", db),
        (f"/apis/batch/v1/namespaces/{namespace}/cronjobs", tick),
        *((f"{core}/pods", _pod(name, namespace)) for name in ("one", "other")),
    ]


def _workload(kind: str, name: str, image: str, **container: Json) -> Json:
    labels = {"app": name}
    spec = {"containers": [{"name": name, "image": image, **container}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "kind": kind,
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def _pod(name: str, namespace: str) -> Json:
    spec = {"terminationGracePeriodSeconds": 0, "nodeName": f"n-{namespace}", "tolerations": [{"operator": "Exists"}]}
    return {"metadata": {"name": name, "labels": {"app": name}}, "spec": {**spec, "containers": [{"name": "c", "image": "busybox"}]}}


@cache
def _make_certificates() -> dict[str, str]:
    """The same for both namespaces: a key, a certificate, and a request for one."""
    with tempfile.TemporaryDirectory() as folder:
        made = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=x -days 2"
        asked = "req -new -key key.pem -out csr.pem -subj /CN=alice/O=team"
        for arguments in (made, asked):
            subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True, timeout=30)
        files = {name: (Path(folder) / name).read_text() for name in ("key.pem", "cert.pem", "csr.pem")}
    request = base64.b64encode(files["csr.pem"].encode()).decode()
    files["csr.yaml"] = (
        "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: NAME}\n"
        f"spec: {{signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: {request}}}\n"
    )
    return files
