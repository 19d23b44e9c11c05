"""Templates, certificates and the state folder."""

import ssl
import stat
from pathlib import Path

import pytest

from tests.cluster import certificates, daemons, layout, state
from tests.cluster.errors import ClusterError


def test_placeholders_are_replaced() -> None:
    assert daemons.render("bind @ADDRESS@:@PORT@", {"ADDRESS": "10.0.0.1", "PORT": 53}) == "bind 10.0.0.1:53"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(ClusterError, match="@NOBODY@"):
        daemons.render("@NOBODY@", {})


def test_a_file_that_would_not_change_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "kube-proxy.yaml"
    daemons.write_if_changed(file, "mode: nftables\n")
    before = file.stat().st_ino

    daemons.write_if_changed(file, "mode: nftables\n")

    assert file.stat().st_ino == before


def test_the_certificates_satisfy_a_strict_verifier(tmp_path: Path) -> None:
    pki = tmp_path / "pki"

    certificates.create(pki)

    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    authority = context.get_ca_certs()[0]
    assert authority["subject"] == ((("commonName", "kas-ca"),),)
    assert stat.S_IMODE((pki / "ca.key").stat().st_mode) == 0o600


def test_a_complete_set_of_certificates_is_kept(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    certificates.create(pki)
    first = (pki / "ca.crt").read_bytes()

    certificates.create(pki)

    assert (pki / "ca.crt").read_bytes() == first


def test_only_the_owner_can_read_a_kubeconfig(tmp_path: Path) -> None:
    certificates.create(tmp_path / "pki")

    certificates.write_kubeconfigs(tmp_path / "pki", "https://127.0.0.1:6443", tmp_path / "admin.kubeconfig")

    assert stat.S_IMODE((tmp_path / "admin.kubeconfig").stat().st_mode) == 0o600
    assert "server: 'https://127.0.0.1:6443'" in (tmp_path / "admin.kubeconfig").read_text()


def test_a_folder_with_files_of_somebody_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ClusterError, match="not this program's"):
        state.claim(tmp_path)


def test_a_folder_that_was_not_claimed_is_not_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ClusterError, match="nothing in it is touched"):
        state.wipe(tmp_path)

    assert (tmp_path / "thesis.txt").exists()


def test_a_claimed_folder_can_be_taken_again_and_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("state")
    state.claim(folder)
    (folder / "etcd").mkdir()

    state.claim(folder)
    state.wipe(folder)

    assert not folder.exists()


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.delenv("KUBECTL_AI_SLACK_CACHE", raising=False)
    by_default = layout.cache_root()
    monkeypatch.setenv("KUBECTL_AI_SLACK_CACHE", "/elsewhere")

    assert by_default == Path("/somewhere/kubectl-ai-slack")
    assert layout.cache_root() == Path("/elsewhere")


def test_the_longest_socket_of_gvisor_fits_its_address() -> None:
    paths = layout.full_cluster()

    assert len(str(paths.runsc / "k8s.io" / f"runsc-{'f' * 64}.sock")) <= 107
