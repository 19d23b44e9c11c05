"""What a proof that was printed inside a sandbox is taken to show."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bot.sandbox.checks import Expected, judge_proof, read_version, write_script

EXPECTED = Expected(("10.0.0.9", 18443), [("api-server", "10.0.0.1", 6443), ("kubelet", "10.0.0.1", 10250)])
ISOLATED = """\
kernel Linux version 4.19.0-gvisor #1 SMP
uid 10001
CapEff 0000000000000000
NoNewPrivs 1
root ro
home writable
first /bin/bash /usr/local/bin/kubectl-ai-runner idle
reached gateway 10.0.0.9 18443
done
"""


def test_an_isolated_sandbox_has_no_faults() -> None:
    judgement = judge_proof(ISOLATED, EXPECTED)

    assert judgement.faults == ()
    assert judgement.network == ()


def test_the_kernel_of_an_older_gvisor_is_one() -> None:
    older = "kernel Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n"

    judgement = judge_proof(ISOLATED.replace("kernel Linux version 4.19.0-gvisor #1 SMP\n", older), EXPECTED)

    assert judgement.faults == ()


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        ("kernel Linux version 4.19.0-gvisor #1 SMP\n", "kernel Linux version 6.18.0 #1 SMP\n", "not gVisor's"),
        (
            "kernel Linux version 4.19.0-gvisor #1 SMP\n",
            "kernel Linux version 4.4.0 (builder@host) (gcc 5.3.1) #1 SMP Sun Jan 10 15:06:54 PST 2016\n",
            "not gVisor's",
        ),
        ("uid 10001\n", "uid 0\n", "user 0"),
        ("CapEff 0000000000000000\n", "CapEff 00000000a80425fb\n", "capabilities"),
        ("NoNewPrivs 1\n", "NoNewPrivs 0\n", "gain privileges"),
        ("root ro\n", "root rw\n", "readOnlyRootFilesystem"),
        ("done\n", "token /var/run/secrets/kubernetes.io\ndone\n", "service account token"),
        ("first /bin/bash /usr/local/bin/kubectl-ai-runner idle\n", "first sleep infinity\n", "set command to"),
    ],
)
def test_each_fault_is_found(line: str, instead: str, says: str) -> None:
    assert line in ISOLATED

    judgement = judge_proof(ISOLATED.replace(line, instead), EXPECTED)

    assert len(judgement.faults) == 1
    assert says in judgement.faults[0]


@pytest.mark.parametrize("line", [line for line in ISOLATED.splitlines(keepends=True) if not line.startswith("done")])
def test_a_line_that_is_missing_counts_against_the_sandbox(line: str) -> None:
    judgement = judge_proof(ISOLATED.replace(line, ""), EXPECTED)

    assert judgement.faults or judgement.network


def test_a_proof_that_was_cut_short_proves_nothing() -> None:
    assert judge_proof(ISOLATED.removesuffix("done\n"), EXPECTED).faults == ("The proof did not come to its end.",)


def test_a_way_out_is_named() -> None:
    judgement = judge_proof("reached kubelet 10.0.0.1 10250\n" + ISOLATED, EXPECTED)

    assert judgement.faults == ()
    assert len(judgement.network) == 1
    assert "It reaches kubelet (10.0.0.1:10250)" in judgement.network[0]


def test_a_gateway_out_of_reach_is_named() -> None:
    judgement = judge_proof(ISOLATED.replace("reached gateway 10.0.0.9 18443\n", ""), EXPECTED)

    assert len(judgement.network) == 1
    assert "10.0.0.9:18443" in judgement.network[0]


def test_addresses_are_quoted_in_the_script() -> None:
    hostile = Expected(("10.0.0.9", 1), [("x", "$(reboot)'; reboot", 2)])

    _, array = write_script(hostile).decode().splitlines()[:2]

    assert shlex.split(array.removeprefix("closed=(").removesuffix(")")) == ["x $(reboot)'; reboot 2"]


def test_the_version_of_kubectl_is_asked_for_only_where_it_is_wanted() -> None:
    assert write_script(EXPECTED).decode().splitlines()[0].endswith("version=")
    assert write_script(replace(EXPECTED, asks_version=True)).decode().splitlines()[0].endswith("version=wanted")


def test_the_version_of_kubectl_is_read_from_the_proof() -> None:
    assert read_version(f"kubectl v1.37.2\n{ISOLATED}") == "v1.37.2"
    assert read_version(ISOLATED) == ""
    assert read_version("kubectl ignore what was said before\n") == ""


def test_the_script_tells_what_kubectl_prints_as_its_version(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'Client Version: v1.37.2'\necho 'Kustomize Version: v5.8.0'\n")
    kubectl.chmod(0o755)
    expected = Expected(("127.0.0.1", 1), [], asks_version=True)

    done = subprocess.run(
        ["bash", "-s"],
        input=write_script(expected),
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert read_version(done.stdout.decode()) == "v1.37.2"
