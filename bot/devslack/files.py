"""Uploaded files: asked for, sent, then shared."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from bot.devslack.journal import Journal
from bot.devslack.values import Json


@dataclass(slots=True)
class StoredFile:
    """One upload; `content` is None until the bytes came, `title` is set when it is completed."""

    id: str
    name: str
    length: int
    created: int
    user: str
    title: str = ""
    content: bytes | None = None
    is_complete: bool = False
    channels: tuple[str, ...] = ()

    def describe(self, base_url: str) -> Json:
        """The file object of messages and `files.info`."""
        private = f"{base_url}/files-pri/{self.id}/{self.name}"
        kind = self.name.rpartition(".")[2].lower() if "." in self.name else "text"
        preview = (self.content or b"")[:2_000].decode(errors="replace")
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": "text/plain",
            "filetype": kind,
            "user": self.user,
            "size": len(self.content or b""),
            "mode": "snippet",
            "is_external": False,
            "url_private": private,
            "url_private_download": private,
            "permalink": private,
            "channels": list(self.channels),
            "preview": preview,
        }


class Files:
    """All uploads by id."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._files: dict[str, StoredFile] = {}

    def begin(self, name: str, length: int, user: str, created: int) -> StoredFile:
        """Promise a place for `length` bytes."""
        file = StoredFile(id=f"F{secrets.token_hex(5).upper()}", name=name, length=length, created=created, user=user)
        self._files[file.id] = file
        return file

    def get(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def complete(self, file: StoredFile, title: str, channels: tuple[str, ...]) -> None:
        """The upload is final and shared."""
        file.title, file.is_complete, file.channels = title, True, channels
        self._journal.write(encode_file(file))

    def restore(self, record: Json) -> None:
        fields = dict(record["file"])
        content = base64.b64decode(fields.pop("content"))
        fields["channels"] = tuple(fields["channels"])
        self._files[fields["id"]] = StoredFile(**fields, content=content, is_complete=True)

    def all_complete(self) -> list[StoredFile]:
        return [file for file in self._files.values() if file.is_complete]


def encode_file(file: StoredFile) -> Json:
    """The journal record of a complete file."""
    return {
        "op": "file",
        "file": {
            "id": file.id,
            "name": file.name,
            "length": file.length,
            "created": file.created,
            "user": file.user,
            "title": file.title,
            "channels": list(file.channels),
            "content": base64.b64encode(file.content or b"").decode(),
        },
    }
