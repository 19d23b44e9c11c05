"""What the demo puts into its cluster: the manifests that users apply, and the shop."""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.demo.places import SHOP, Place
from bot.demo.processes import ROOT, call, read
from bot.errors import ConfigError

SANDBOXES = "kubectl-ai-sandboxes"
_OVERLAY = ROOT / "manifests" / "overlays" / "local"
_SHOP = Path(__file__).resolve().parent / "shop"
_DEPLOYMENTS = ("web", "catalog", "cart", "payments")
_REVISION = "deployment.kubernetes.io/revision"


async def install(place: Place, folder: Path) -> None:
    """Applies the manifests and waits for the warm pool. `folder` keeps what is made for this cluster. Raises ConfigError."""
    overlay = _OVERLAY
    force = ["--force-conflicts"]  # a cluster of the demo's own may have been played with
    if not place.is_own:
        force = []
        overlay = write_kustomization(folder / "manifests", render_overlay(place, folder / "manifests"))
    await call(["kubectl", "apply", "--server-side", *force, "-k", str(overlay)], place.environment)
    ready = "--for=jsonpath={.status.readyReplicas}=2"
    try:
        await call(["kubectl", "-n", SANDBOXES, "wait", ready, "sandboxwarmpool/kubectl-ai", "--timeout=180s"], place.environment)
    except ConfigError as exc:
        raise ConfigError(f"No sandbox became ready within three minutes: {await _explain(place)}") from exc


async def deploy_shop(place: Place, folder: Path) -> None:
    """Rolls out the working shop, then breaks it, so that there is a revision to go back to.

    A shop that has had its unlucky release is left as it is: somebody may be repairing it. Raises ConfigError.
    """
    get = ["kubectl", "--namespace", SHOP, "get", "deployment", "cart", "--ignore-not-found", "--output=json"]
    cart = await read(get, place.environment)
    if cart and int(json.loads(cart)["metadata"].get("annotations", {}).get(_REVISION, "0")) > 1:
        return
    await call(["kubectl", "apply", "--kustomize", str(_find_shop(place, folder, "working"))], place.environment)
    for name in _DEPLOYMENTS:
        rollout = ["kubectl", "--namespace", SHOP, "rollout", "status", f"deployment/{name}", "--timeout=180s"]
        await call(rollout, place.environment)
    await call(["kubectl", "apply", "--kustomize", str(_find_shop(place, folder, "broken"))], place.environment)


async def write_bot_kubeconfig(environment: Mapping[str, str], target: Path) -> Path:
    """A kubeconfig as the bot's own ServiceAccount: the demo's bot has the rights of an installed one, no more. Its tokens last an hour
    and are renewed."""
    config = yaml.safe_load(await read(["kubectl", "config", "view", "--raw", "--minify", "--flatten"], environment))
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-m", "bot.demo.token", environment["KUBECONFIG"]],
        "env": [{"name": "PATH", "value": environment["PATH"]}, {"name": "PYTHONPATH", "value": str(ROOT)}],
        "interactiveMode": "Never",
    }
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"exec": plugin}}]
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config), encoding="utf-8")
    return target


def write_kustomization(folder: Path, kustomization: Mapping[str, Any]) -> Path:
    """The folder, with this in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization, sort_keys=False), encoding="utf-8")
    return folder


def render_overlay(place: Place, folder: Path) -> dict[str, Any]:
    """`manifests/overlays/local` for another cluster: its own sandbox image, and the gateway where its pods find it."""
    bits = 128 if ipaddress.ip_address(place.gateway_host).version == 6 else 32
    container = "/spec/podTemplate/spec/containers/0"
    patch = [
        {"op": "replace", "path": "/spec/networkPolicy/egress/0/to/0/ipBlock/cidr", "value": f"{place.gateway_host}/{bits}"},
        {"op": "replace", "path": f"{container}/image", "value": place.sandbox_image},
        {"op": "replace", "path": f"{container}/imagePullPolicy", "value": "IfNotPresent"},
    ]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_relate(_OVERLAY, folder)],
        "patches": [{"target": {"kind": "SandboxTemplate", "name": "kubectl-ai"}, "patch": yaml.safe_dump(patch)}],
    }


def render_shop(place: Place, folder: Path, release: str) -> dict[str, Any]:
    """A release of the shop for another cluster: its servers run on the sandbox image, which has Python. The image of the unlucky release
    of payments stays what it is: no cluster has it."""
    names = _DEPLOYMENTS if release == "working" else [name for name in _DEPLOYMENTS if name != "payments"]
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": place.sandbox_image}]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_relate(_SHOP / release, folder)],
        "components": [_relate(_SHOP / "anywhere", folder)],
        "patches": [{"target": {"kind": "Deployment", "name": "|".join(names)}, "patch": yaml.safe_dump(patch)}],
    }


def _find_shop(place: Place, folder: Path, release: str) -> Path:
    if place.is_own:
        return _SHOP / release
    target = folder / f"shop-{release}"
    return write_kustomization(target, render_shop(place, target, release))


def _relate(base: Path, folder: Path) -> str:
    """kustomize takes no absolute path for a base."""
    return os.path.relpath(base.resolve(), folder.resolve())


async def _explain(place: Place) -> str:
    """The last warnings about sandboxes, in one line."""
    get = ["kubectl", "--namespace", SANDBOXES, "get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"]
    lines = (await read([*get, "--output=jsonpath={range .items[*]}{.message}{'\\n'}{end}"], place.environment)).splitlines()
    said = lines[-1].strip() if lines else "there is no warning about its pods"
    return f"{said.rstrip('.')} (kubectl --namespace {SANDBOXES} describe pods)."
