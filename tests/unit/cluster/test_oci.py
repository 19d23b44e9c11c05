"""A folder becomes an image archive whose digests hold."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import oci


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rootfs = tmp_path / "rootfs"
    (rootfs / "home/agent").mkdir(parents=True)
    (rootfs / "su").write_text("program")
    (rootfs / "su").chmod(0o4755)
    target = tmp_path / "image.tar"
    oci.write_image(
        "kas.local/x:1",
        [oci.pack_layer(rootfs, lambda path: 7 if path == "/home/agent" else 0), b"second"],
        target,
        config={"User": "1:1"},
        architecture="amd64",
    )
    return target


def read(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.extractfile(name)
        assert member is not None
        return member.read()


def follow(archive: Path, descriptor: dict[str, Any]) -> bytes:
    content = read(archive, f"blobs/{descriptor['digest'].replace(':', '/')}")
    assert descriptor["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert descriptor["size"] == len(content)
    return content


def test_the_archive_leads_from_its_index_to_the_files(archive: Path) -> None:
    index = json.loads(read(archive, "index.json"))["manifests"][0]
    manifest = json.loads(follow(archive, index))
    config = json.loads(follow(archive, manifest["config"]))
    layer, second = (follow(archive, descriptor) for descriptor in manifest["layers"])

    assert index["annotations"]["io.containerd.image.name"] == "kas.local/x:1"
    assert config["config"] == {"User": "1:1"}
    assert config["rootfs"]["diff_ids"] == [descriptor["digest"] for descriptor in manifest["layers"]]
    assert second == b"second"
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        files = {member.name: member for member in tar}
    assert files["su"].mode == 0o755
    assert (files["su"].uid, files["su"].mtime) == (0, 0)
    assert (files["home/agent"].uid, files["home/agent"].gid) == (7, 7)
