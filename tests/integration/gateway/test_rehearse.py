"""The command `rehearse`, as people and scripts call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.audit import mark, persisted
from tests.integration.gateway.rehearse_command import MAIN, environment_of, rehearse

pytestmark = pytest.mark.apiserver


def test_a_read_exits_0_and_its_output_is_untouched(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "--", "kubectl", "-n", "shop", "get", "cm", "settings", "-o", "jsonpath={.data.colour}")

    assert (ran.returncode, ran.stdout) == (0, "blue")
    assert "not sandboxed" in ran.stderr


def test_a_write_exits_3_and_the_change_is_shown(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "kubectl", "-n", "shop", "scale", "deploy", "web", "--replicas=5")

    assert ran.returncode == 3
    assert ran.stderr.endswith("rehearse: nothing is applied yet; --apply does so.\n")
    assert ran.stdout == "deployment.apps/web scaled\nscale Deployment shop/web\n  spec.replicas  3 → 5\n  • +2 pods (0/3 ready now)\n"


@pytest.mark.parametrize(
    "kubectl",
    [
        "export KUBECONFIG=$HOME/.kube/config; kubectl",
        "kubectl --kubeconfig=$HOME/.kube/config",
        "env -u KUBECONFIG kubectl",
        "kubectl --kubeconfig=$THEIRS",
    ],
)
def test_a_script_that_names_ones_own_kubeconfig_is_rehearsed_too(seeded: ApiServer, tmp_path: Path, kubectl: str) -> None:
    theirs = [tmp_path / "home" / ".kube" / "config", tmp_path / "admin.conf"]
    theirs[0].parent.mkdir(parents=True)
    for path in theirs:
        path.write_bytes(seeded.kubeconfig.read_bytes())
    environment = environment_of(seeded, tmp_path / "home") | {"KUBECONFIG": str(theirs[1]), "THEIRS": str(theirs[1])}
    argv = [sys.executable, "-c", MAIN, "--json", "--", f"{kubectl} -n shop annotate cm settings covered-by=rehearsal"]

    ran = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    if "cannot keep your own kubeconfig" in ran.stderr:
        pytest.skip("this machine gives no process a view of the file system of its own")
    get = [seeded.kubectl, "--kubeconfig", seeded.kubeconfig, "-n", "shop", "get", "cm", "settings", "-o", "yaml"]
    now = subprocess.run(get, check=True, capture_output=True, text=True, timeout=60).stdout
    assert ran.returncode == 3, ran.stderr
    assert [write["name"] for write in json.loads(ran.stdout)["writes"]] == ["settings"]
    assert "covered-by" not in now
    assert theirs[0].read_bytes() == seeded.kubeconfig.read_bytes()  # outside, nothing is different


@pytest.mark.parametrize(("line", "code"), [("kubectl -n shop get cm settings", 0), ("kubectl -n shop scale deploy web --replicas=5", 3)])
def test_kubectl_finds_it_as_a_plugin(seeded: ApiServer, tmp_path: Path, line: str, code: int) -> None:
    environment = environment_of(seeded, tmp_path)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    argv = ["kubectl", "rehearse", "--json", "--", *line.split()]
    ran = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    assert ran.returncode == code, ran.stderr
    assert [write["name"] for write in json.loads(ran.stdout)["writes"]] == (["web"] if code else [])


@pytest.mark.parametrize(
    "line",
    [
        "kubectl -n shop --warnings-as-errors label cm spare a=b && kubectl -n shop label cm spare c=d",
        '[ "$(kubectl -n shop label cm spare a=b 2>&1)" = "configmap/spare labeled" ] && kubectl -n shop label cm spare c=d',
        "kubectl -n shop label cm spare a=b 2>err; kubectl -n shop get cm spare 2>>err; [ -s err ] || kubectl -n shop label cm spare c=d",
    ],
)
def test_a_script_that_looks_at_stderr_goes_the_way_it_goes_directly(seeded: ApiServer, tmp_path: Path, line: str) -> None:
    ran = rehearse(seeded, tmp_path, "--json", "--", line)

    assert len(json.loads(ran.stdout)["writes"]) == 2


def test_what_is_made_is_shown_as_yaml_and_what_cannot_be_undone_is_said(seeded: ApiServer, tmp_path: Path) -> None:
    """As on a card, and nothing is cut: there is no Details in a terminal."""
    literals = " ".join(f"--from-literal=key{number:02}=value" for number in range(40))
    long, text = "x" * 300, "\n".join(f"line {number}" for number in range(50))
    (tmp_path / "text").write_text(text)
    line = (
        f"kubectl -n shop create configmap many {literals}; kubectl -n shop annotate deploy web long={long};"
        " kubectl -n shop create configmap lines --from-file=text; kubectl delete namespace shop --wait=false"
    )
    ran = rehearse(seeded, tmp_path, line)

    shown = ran.stdout.splitlines()
    assert "create ConfigMap shop/many" in shown
    assert "  data:" in shown
    assert [line for line in shown if line.startswith("    key")] == [f"    key{number:02}: value" for number in range(40)]
    assert any(line.startswith("  • Undo is not possible for Namespace shop") for line in shown)
    assert any(line.endswith(f"+ {long}") for line in shown)
    assert [line.strip() for line in shown if line.strip().startswith("line ")] == text.split("\n")


def test_the_json_object_has_what_it_should_and_nothing_else(seeded: ApiServer, tmp_path: Path) -> None:
    line = (
        "kubectl -n shop scale deploy web --replicas=5; kubectl -n shop exec p1 -- id; kubectl -n shop attach p1; echo"
        " out; echo err >&2; exit 7"
    )
    ran = rehearse(seeded, tmp_path, "--json", "--", line)

    report = json.loads(ran.stdout)
    assert ran.returncode == 3
    assert list(report) == ["exit_code", "stdout", "stderr", "writes", "connects", "refused"]
    assert report["exit_code"] == 7
    assert report["stdout"].endswith("out\n")
    assert "err\n" in report["stderr"]
    assert report["writes"] == [
        {
            "method": "PATCH",
            "path": "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            "verb": "patch",
            "group": "apps",
            "resource": "deployments",
            "subresource": "scale",
            "namespace": "shop",
            "name": "web",
            "preview": True,
            "diff": [{"path": "spec.replicas", "old": 3, "new": 5, "op": "replace"}],
        }
    ]
    assert report["connects"][0]["argv"] == ["id"]
    assert report["refused"][0]["path"].endswith("/attach")
    assert report["refused"][0]["status"] == 0


def test_what_the_server_rejects_is_told_and_is_no_success(seeded: ApiServer, tmp_path: Path) -> None:
    line = """kubectl -n shop patch deploy web -p '{"spec":{"replicas":-5}}' || true"""
    told, reported = rehearse(seeded, tmp_path, "--", line), rehearse(seeded, tmp_path, "--json", "--", line)

    [rejected] = json.loads(reported.stdout)["refused"]
    assert (told.returncode, reported.returncode) == (3, 3)
    assert (rejected["method"], rejected["status"]) == ("PATCH", 422)
    assert "must be greater than or equal to 0" in rejected["reason"]
    assert f"The API server rejected PATCH {rejected['path']}: {rejected['reason']}" in told.stdout


def test_standard_input_reaches_the_command(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "--json", "--", "kubectl apply -n shop -f -", stdin=_CM)

    assert [write["name"] for write in json.loads(ran.stdout)["writes"]] == ["piped"]


_CM = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"piped"},"data":{"a":"1"}}'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kubeconfig", "/nowhere", "--", "true"], "/nowhere"),
        (["--context", "nowhere", "--", "true"], "nowhere"),
        (["--kubeconfig", "/dev/null", "--", "true"], "not one"),
        (["--kubeconfig", "watch.py", "--", "true"], "watch.py"),
        (["--kubeconfig", "unreachable.json", "--", "true"], "does not answer: Connection refused"),
        (["--"], "name a command"),
        (["--", " "], "name a command"),
        ([], "name a command"),
        (["get", "pods"], "get could not be run"),
        (["--", "no-such-program", "x"], "no-such-program could not be run"),
        (["-n", "shop", "get", "pods"], "-- COMMAND"),
        (["--yes", "--", "true"], "--yes goes with --apply"),
        (["--appl", "--", "true"], "--appl"),
    ],
)
def test_what_cannot_start_exits_2_with_a_sentence(seeded: ApiServer, tmp_path: Path, arguments: list[str], words: str) -> None:
    ran = rehearse(seeded, tmp_path, *arguments)

    assert ran.returncode == 2
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_program_that_does_not_exist_is_an_exit_code(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "--json", "--", "no-such-program", "x")

    assert json.loads(ran.stdout)["exit_code"] == 127
    assert ran.returncode == 2


def test_a_command_that_fails_without_a_request_is_told_to_have_failed(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "--", "-no-such-program")

    assert ran.returncode == 0
    assert ran.stderr.endswith("rehearse: the command ended with exit code 127.\n")


def test_a_read_that_is_too_long_is_no_rehearsal_without_a_change(seeded: ApiServer, tmp_path: Path) -> None:
    """The delete would come after it."""
    token, server = (f"$(kubectl config view --raw -o jsonpath={{{p}}})" for p in (".users[0].user.token", ".clusters[0].cluster.server"))
    line = f'curl -sk -H "Authorization: Bearer {token}" "{server}/api/v1/namespaces/shop?n=[1-5100]"; kubectl -n shop delete cm spare'

    ran = rehearse(seeded, tmp_path, "--", f"({line}) >/dev/null 2>&1")

    assert ran.returncode == 1
    assert "stopped: made more than 5000 requests" in ran.stderr


@pytest.mark.parametrize(
    "line",
    [
        "nohup kubectl -n shop delete cm spare >/dev/null 2>&1 &",
        "setsid sh -c 'sleep 1; kubectl -n shop delete cm spare' >/dev/null 2>&1 & disown",
        "kubectl -n shop delete cm spare --as=somebody --as-group=system:masters",
    ],
)
def test_a_hidden_write_is_recorded(seeded: ApiServer, tmp_path: Path, line: str) -> None:
    begin = mark(seeded)

    ran = rehearse(seeded, tmp_path, "--json", "--", line)

    assert [write["name"] for write in json.loads(ran.stdout)["writes"]] == ["spare"]
    assert ran.returncode == 3
    assert persisted(seeded, begin) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("kubectl -n shop get cm spare -o name --as=somebody --as-group=system:masters", "configmap/spare"),
        (
            "kubectl auth whoami --as=a --as-uid=7 --as-user-extra=x/y=1 --as-user-extra=x/y=2 -o json | jq -c .status.userInfo",
            '{"username":"a","uid":"7","groups":["system:authenticated"],"extra":{"x/y":["1","2"]}}',
        ),
        ("kubectl auth can-i get pods --as=system:serviceaccount:shop:robot; true", "no"),
    ],
)
def test_one_may_look_as_somebody_else_as_far_as_the_server_lets_one(seeded: ApiServer, tmp_path: Path, line: str, words: str) -> None:
    ran = rehearse(seeded, tmp_path, "--json", "--", line)

    assert json.loads(ran.stdout)["stdout"].strip() == words
    assert ran.returncode == 0


def test_a_command_sees_the_names_of_the_persons_own_kubeconfig(seeded: ApiServer, tmp_path: Path) -> None:
    line = "kubectl config get-contexts; kubectl config get-users; kubectl config get-clusters; kubectl config current-context"

    ran = rehearse(seeded, tmp_path, "--json", "--", line)

    environment = environment_of(seeded, tmp_path)
    directly = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ran.stdout)["stdout"] == directly.stdout


_GONE = ["cm/gone", "crd/gone.example.com", "clusterrole/gone", "pod/gone"]


@pytest.mark.parametrize("line", [*(f"kubectl delete {what} --ignore-not-found" for what in _GONE), "kubectl delete cm gone || true"])
def test_a_command_that_does_not_mind_what_is_gone_changes_nothing_and_is_refused_nothing(
    seeded: ApiServer, tmp_path: Path, line: str
) -> None:
    """As in a script that clears up before it begins."""
    ran = rehearse(seeded, tmp_path, "--json", "--", f"kubectl config set-context --current --namespace=shop >/dev/null; {line}")

    report = json.loads(ran.stdout)
    assert (ran.returncode, report["exit_code"]) == (0, 0)
    assert (report["writes"], report["refused"]) == ([], [])


def test_a_delete_of_what_is_gone_is_an_error_of_the_server_and_no_change(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "--json", "--", "kubectl -n shop delete cm gone")

    report = json.loads(ran.stdout)
    assert (report["exit_code"], report["writes"]) == (1, [])
    assert report["stderr"] == 'Error from server (NotFound): configmaps "gone" not found\n'
    assert report["refused"] == [
        {"method": "DELETE", "path": "/api/v1/namespaces/shop/configmaps/gone", "reason": 'configmaps "gone" not found', "status": 404}
    ]
    said = rehearse(seeded, tmp_path, "kubectl", "-n", "shop", "delete", "cm", "gone")
    assert 'The API server rejected DELETE /api/v1/namespaces/shop/configmaps/gone: configmaps "gone" not found' in said.stdout


def test_other_refusals_of_a_command_that_succeeds_are_told(seeded: ApiServer, tmp_path: Path) -> None:
    line = "kubectl -n shop delete cm gone --ignore-not-found; kubectl -n shop scale deploy/gone --replicas=1; kubectl create ns shop; true"
    ran = rehearse(seeded, tmp_path, "--json", "--", line)

    assert ran.returncode == 3
    assert [(one["method"], one["status"]) for one in json.loads(ran.stdout)["refused"]] == [("POST", 409)]
