"""Item 14 of the checklist in test_kubectl_ai_checklist: the manifests are installed, and a real API server is asked what they allow."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer

pytestmark = pytest.mark.apiserver

MANIFESTS = Path(__file__).parents[3] / "manifests"
INSTALLED = (
    ("-k", MANIFESTS / "access"),
    ("-f", MANIFESTS / "sandbox" / "namespace.yaml"),
    ("-f", MANIFESTS / "sandbox" / "role.yaml"),
)
READER, WRITER, BOT = "kubectl-ai-reader", "kubectl-ai-writer", "kubectl-ai-slack"
SANDBOXES = "kubectl-ai-sandboxes"
PLACES = ("shop", "default", "kube-system", "kubectl-ai", SANDBOXES)
MATRIX = {
    READER: {
        "get pods/log": PLACES,
        "list pods": PLACES,
        "get secrets": (),
        "list secrets": (),
        "create pods/exec": (),
        "get pods/exec": (),
        "create serviceaccounts/token": (),
        "patch deployments.apps": (),
    },
    WRITER: {
        "patch deployments.apps": (),  # until an administrator binds the role
        "get secrets": (),
        "create pods/exec": (),
        "create serviceaccounts/token": (),
    },
    BOT: {
        "create pods/exec": (SANDBOXES,),
        "get pods/exec": (SANDBOXES,),
        "get pods/log": (),
        "get secrets": (),
        "list secrets": (),
    },
}
"""The places in which an account of the manifests may do something, of PLACES."""


@pytest.fixture(scope="module")
def installed(seeded: ApiServer) -> Iterator[ApiServer]:
    """The accounts and rights of the manifests. The controllers have filled in what the reader gets from `view`."""
    kubectl = [seeded.kubectl, "--kubeconfig", seeded.kubeconfig]
    for what in INSTALLED:
        subprocess.run([*kubectl, "apply", *what], check=True, capture_output=True, timeout=60)
    deadline = time.monotonic() + 60
    while not find_allowed(seeded, READER, "get", "pods/log"):
        assert time.monotonic() < deadline, "the reader's role was not filled in"
        time.sleep(0.1)
    yield seeded
    for what in INSTALLED:
        subprocess.run([*kubectl, "delete", "--ignore-not-found", "--wait=false", *what], check=True, capture_output=True, timeout=60)


def find_allowed(server: ApiServer, account: str, verb: str, resource: str) -> set[str]:
    """The places where the API server lets the account do this."""
    kind, _, subresource = resource.partition("/")
    name, _, group = kind.partition(".")
    groups = ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:kubectl-ai"]
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:kubectl-ai:{account}",
                "groups": groups,
                "resourceAttributes": {"namespace": place, "verb": verb, "group": group, "resource": name, "subresource": subresource},
            },
        }
        for place in PLACES
    ]
    shown = "jsonpath={.spec.resourceAttributes.namespace} {.status.allowed} "
    argv = [server.kubectl, "--kubeconfig", server.kubeconfig, "create", "-f", "-", "-o", shown]
    documents = "\n---\n".join(json.dumps(review) for review in reviews)
    printed = subprocess.run(argv, input=documents, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert len(printed) == 2 * len(PLACES)
    return {place for place, is_allowed in zip(printed[::2], printed[1::2], strict=True) if is_allowed == "true"}


@pytest.mark.parametrize(("account", "action"), [(account, action) for account, actions in MATRIX.items() for action in actions])
def test_item_14_the_api_server_says_who_may_do_what_where(installed: ApiServer, account: str, action: str) -> None:
    assert find_allowed(installed, account, *action.split()) == set(MATRIX[account][action])
