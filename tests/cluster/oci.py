"""Container images without a container engine: folders become the layers of an OCI archive."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
# Not compressed: the archive never travels, and containerd imports it sooner.
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def pack_layer(rootfs: Path, owners: Callable[[str], int] = lambda path: 0) -> bytes:
    """A folder as a layer.

    Times are zero and files belong to root, or to the uid and gid that ``owners`` gives for a path inside the image, so the
    same content is the same layer. Set-uid and set-gid bits are dropped: nothing in these images may gain rights.
    """

    def normalise(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = owners(f"/{entry.name}")
        entry.uname = entry.gname = ""
        entry.mtime = 0
        if not entry.isdir():
            entry.mode &= 0o1777
        return entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(rootfs.iterdir()):
            tar.add(path, arcname=path.name, filter=normalise)
    return buffer.getvalue()


def write_image(name: str, layers: Sequence[bytes], archive: Path, *, config: Mapping[str, object], architecture: str) -> None:
    """Write layers as image ``name`` (``repository:tag``) in the form that ``ctr images import`` reads."""
    blobs: dict[str, bytes] = {}

    def add(media_type: str, content: bytes) -> dict[str, object]:
        digest = _digest(content)
        blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    layer_descriptors = [add(_LAYER, layer) for layer in layers]
    root = {"type": "layers", "diff_ids": [descriptor["digest"] for descriptor in layer_descriptors]}
    image = {"architecture": architecture, "os": "linux", "config": dict(config), "rootfs": root}
    config_descriptor = add(_CONFIG, _encode(image))
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config_descriptor, "layers": layer_descriptors}
    manifest_descriptor = add(_MANIFEST, _encode(manifest)) | {
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
    }
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [manifest_descriptor]}
    with tarfile.open(archive, "w") as tar:
        _add_bytes(tar, "oci-layout", _encode({"imageLayoutVersion": "1.0.0"}))
        _add_bytes(tar, "index.json", _encode(index))
        for digest, content in blobs.items():
            _add_bytes(tar, f"blobs/{digest.replace(':', '/')}", content)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
