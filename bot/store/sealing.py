"""Sealing of what must not lie in the database in the clear: Fernet (AES-CBC with HMAC), several keys for rotation."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import ConfigError, StoreError

CHECK = "kubectl-ai-slack"


class Seal:
    """Seals with the first key, opens with any."""

    def __init__(self, keys: str) -> None:
        """`keys`: Fernet keys, comma-separated, newest first. Raises ConfigError if one is malformed."""
        parts = [key.strip() for key in keys.split(",") if key.strip()]
        try:
            fernets = [Fernet(key) for key in parts]
        except ValueError as exc:
            raise ConfigError("STORE_KEY must hold Fernet keys (32 random bytes in URL-safe base64), newest first.") from exc
        if not fernets:
            raise ConfigError("STORE_KEY is set but holds no key.")
        self._fernet = MultiFernet(fernets)
        self._newest = urlsafe_b64decode(parts[0])
        self.has_old_keys = len(fernets) > 1

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another purpose, the same as long as the newest key is. They tell nothing about the key (HKDF-SHA256)."""
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(self._newest)

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises StoreError if no key fits or the text was altered."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as exc:
            raise StoreError("A stored change cannot be decrypted: put the key it was written with back into STORE_KEY.") from exc

    def renew(self, sealed: str) -> str:
        """The same content sealed with the newest key. Raises StoreError as `open` does."""
        try:
            return self._fernet.rotate(sealed).decode()
        except InvalidToken as exc:
            raise StoreError("A stored change cannot be decrypted: put the key it was written with back into STORE_KEY.") from exc

    def fits(self, check: str) -> bool:
        """Whether `check` (made by `close(CHECK)`) was sealed with one of the keys."""
        try:
            return self.open(check) == CHECK
        except StoreError:
            return False


def read_key_file(path: Path) -> str:
    """The key in the file, or '' if there is no file. Raises ConfigError if others may read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"Cannot read the key file {path}: {exc}.") from exc
    if mode & 0o077:
        raise ConfigError(f"The key file {path} must not be readable by others: run `chmod 600 {path}`.")
    return text


def make_key_file(path: Path) -> str:
    """Makes the file with a new key, whole or not at all; the key that is in it afterwards (another process may win)."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, Fernet.generate_key() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except OSError as exc:
        raise ConfigError(f"Cannot make the key file {path}: {exc.strerror}; set STORE_KEY or make the folder writable.") from exc
    return read_key_file(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
