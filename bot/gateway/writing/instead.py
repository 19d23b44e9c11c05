"""What cannot be done from here, and what to do instead: sentences for the one who tried. Pure."""

from __future__ import annotations

from bot.gateway.protocol import bodies
from bot.values.requests import RequestInfo

TTY = "An interactive terminal is not possible from here. Name the command and leave -t out, for example `kubectl exec POD -- ls /tmp`."
SHELL = "{} without a script does nothing here: name the command, for example `kubectl exec POD -- sh -c 'ls /tmp'`."
ENDLESS_INPUT = (
    "This client's protocol (v4.channel.k8s.io) cannot say where the input ends, so nothing was recorded: close the connection after the "
    "last of the input, ask for no stdin if there is none, or put the input into the command (`sh -c '…'`)."
)
UNKNOWN_PROTOCOL = "This client speaks none of v5.channel.k8s.io and v4.channel.k8s.io, over a websocket or SPDY/3.1: use a newer client."
MARKER = "The command or its input holds the mark of a hidden Secret value, which is not the value: read it in the container instead."
UNBORN = "Pod {}/{} exists only in this rehearsal: let its creation be approved first, then exec into it."

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh"})

_STREAMS = {
    "attach": "attach is not possible from here. Read the output with `kubectl logs`, or run a command with `kubectl exec POD -- COMMAND`.",
    "portforward": "port-forward is not possible from here. Look at the Service and its EndpointSlices instead, "
    "or ask from inside the pod: `kubectl exec POD -- wget -qO- http://localhost:8080/`.",
    "proxy": "The API server's proxy to pods, services and nodes is not possible from here. Use get, describe, logs and top instead.",
}
_RUN = (
    "`kubectl run -i` and `--rm` attach to the pod, which is not possible from here. In steps: `kubectl run {0} --image={1} "
    "--restart=Never -- COMMAND` without -i and --rm; once that is approved, `kubectl logs {0}`; then `kubectl delete pod {0}`."
)


def of_stream(info: RequestInfo) -> str:
    """About attach, port-forward and the proxies."""
    return _STREAMS.get(info.subresource, _STREAMS["proxy"])


def of_attached_run(info: RequestInfo, kubectl_command: str, content_type: str, body: bytes) -> str:
    """About a pod that `kubectl run -i` makes: it would wait for somebody to attach. '' about everything else."""
    if (info.group, info.resource, info.subresource, info.verb) != ("", "pods", "", "create") or kubectl_command != "kubectl run":
        return ""
    pod = bodies.read(content_type, body)
    spec = pod.get("spec") if isinstance(pod, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    first = containers[0] if isinstance(containers, list) and containers else None
    if not isinstance(first, dict) or not first.get("stdin"):
        return ""
    return _RUN.format(bodies.name_of(pod) or "NAME", first.get("image") or "IMAGE")
