"""The proxy's own secret: with it the names of tenants are made from their keys."""

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

_log = logging.getLogger("tailrace")

_BYTES: Final = 32


def kept_secret(folder: Path) -> bytes:
    """The secret in `folder`, made there at the first start and readable by this user alone.

    Where none can be kept it lives as long as the process: callers without a configured key are then new tenants after
    a restart, and find nothing that was cached for them.
    """
    path = folder / "secret"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _is_missing(path):
            _make(path)
        kept = path.read_bytes()
    except OSError as error:
        _log.warning("no secret can be kept in %s (%s): what is cached is lost with a restart", folder, error.strerror)
        return secrets.token_bytes(_BYTES)
    if len(kept) < _BYTES:
        _log.warning("%s is damaged and not used; delete it to have a new one made", path)
        return secrets.token_bytes(_BYTES)
    return kept[:_BYTES]


def _make(path: Path) -> None:
    """Make the file, whole or not at all; of two processes that start together, both read what the first one made."""
    with suppress(FileNotFoundError):
        if not path.stat().st_size:
            # A full disk, once.
            path.unlink()
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _is_missing(path: Path) -> bool:
    try:
        return not path.stat().st_size
    except FileNotFoundError:
        return True
