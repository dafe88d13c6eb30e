"""A big partition's file: a graph that took a minute to build need not be built again at the next start.

The store beside it holds the truth. A file that is damaged, foreign, or behind is made up for from there. Everything
here is synchronous and slow: for a thread.

Two files: `NAME.hnsw`, hnswlib's own, and `NAME.json`, which says what is in it and by which checksum it is known. The
second is written last, so a crash in between leaves a pair that does not fit, which counts as none.
"""

import logging
import os
import random
import sys
from collections.abc import Callable, Collection, Iterable
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace_plugins.semantic_cache.index.partition import EXACT_LIMIT, Partition

_log = logging.getLogger("tailrace.semantic_cache")

Fetch = Callable[[list[int]], Iterable[tuple[int, bytes]]]

FORMAT: Final = 1
SUFFIXES: Final = (".hnsw", ".json", ".tmp")
"""Of the files that are made here."""
_FETCH_CHUNK: Final = 500
_READ_BYTES: Final = 1 << 20
_DIGEST_CHARS: Final = 64


def _never() -> bool:
    return False


def graph_file(path: Path) -> Path:
    """Where the graph of the partition `path` (a name without ending) stands."""
    return path.with_name(path.name + ".hnsw")


def manifest_file(path: Path) -> Path:
    """Where its manifest stands."""
    return path.with_name(path.name + ".json")


def save(partition: Partition, path: Path, identity: str) -> bool:
    """Write the partition to `path` (a name without ending), at once or not at all; False if it is too small to.

    `identity` names the embedder. What was there before is replaced, or removed if the partition is too small: a
    matrix is read from the store faster than a file is checked. Raises OSError when the disk refuses.
    """
    draft = path.with_name(path.name + ".hnsw.tmp")
    # What a vector was made from can be guessed from it.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        written = partition.write(draft)
        if written is None:
            remove(path)
            return False
        labels, changes = written
        checksum = _synced_checksum(draft)
        manifest = {
            "format": FORMAT,
            "library": _library(),
            "identity": identity,
            "dimension": partition.dimension,
            "checksum": checksum,
            "ids": list(labels.keys()),
            "labels": list(labels.values()),
        }
        draft.replace(graph_file(path))
    except RuntimeError as error:
        # hnswlib's word for a file it cannot open.
        raise OSError("the graph cannot be written") from error
    finally:
        draft.unlink(missing_ok=True)
    _write_manifest(path, jsonio.dumps(manifest))
    partition.saved_changes = changes
    return True


def restore(
    path: Path,
    identity: str,
    dimension: int,
    ids: Collection[int],
    fetch: Fetch,
    stop: Callable[[], bool] = _never,
) -> Partition:
    """The partition of exactly `ids`: from the file as far as it goes, the rest from `fetch`.

    `fetch` is given ids and yields them with their vectors; ids that it does not know, and what is no vector, are left
    out. It is trusted over the file but not asked about ids that are in there, so an id must never come to mean another
    vector. Never raises for a file; what `fetch` raises goes through. `stop` ends it early, with what there is by then.
    Reading takes 0.4 s for 100,000 vectors of 384 components, building about 0.3 ms each.
    """
    wanted = set(ids)
    partition = _from_file(path, identity, dimension, len(wanted)) if len(wanted) > EXACT_LIMIT else None
    if partition is None:
        partition = Partition(dimension, len(wanted))
    found = set(partition.live())
    for id in found - wanted:
        partition.remove(id)
    missing = sorted(wanted - found)
    # As in Partition.build.
    random.Random(0).shuffle(missing)
    bad = 0
    for at in range(0, len(missing), _FETCH_CHUNK):
        if stop():
            break
        bad += partition.add_many(fetch(missing[at : at + _FETCH_CHUNK]), stop)
    if bad:
        _log.warning("semantic cache: %d stored vectors are damaged and left out", bad)
    partition.build(stop)
    return partition


def remove(path: Path) -> None:
    """Remove the files of `path`, if there are any."""
    manifest_file(path).unlink(missing_ok=True)
    graph_file(path).unlink(missing_ok=True)


def _from_file(path: Path, identity: str, dimension: int, room: int) -> Partition | None:
    try:
        manifest = _read_manifest(path)
        if manifest is None:
            return None
        fits = (
            manifest.get("format") == FORMAT
            and manifest.get("library") == _library()
            and manifest.get("identity") == identity
            and manifest.get("dimension") == dimension
            # Before hnswlib sees it: its loader believes what it reads, and crashes on garbage.
            and manifest.get("checksum") == _checksum(graph_file(path))
        )
    except OSError:
        return None
    if not fits:
        _log.info("semantic cache: a saved index does not fit and is built anew")
        return None
    labels: dict[int, int] = dict(zip(manifest["ids"], manifest["labels"], strict=True))
    return Partition.read(graph_file(path), dimension, labels, max(room, len(labels)) * 5 // 4)


def _read_manifest(path: Path) -> dict[str, Any] | None:
    """What `_write_manifest` wrote, None if it is anything else. Raises OSError."""
    if not manifest_file(path).exists():
        return None
    digest, _, body = manifest_file(path).read_bytes().partition(b"\n")
    if digest.decode("latin-1") != _digest(body):
        _log.info("semantic cache: a saved index is damaged and built anew")
        return None
    try:
        return jsonio.loads_object(body)
    except jsonio.BadJson:
        return None


def _write_manifest(path: Path, body: bytes) -> None:
    draft = path.with_name(path.name + ".json.tmp")
    try:
        with draft.open("wb") as file:
            file.write(_digest(body).encode() + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(manifest_file(path))
    finally:
        draft.unlink(missing_ok=True)
    # Renames are only there to stay when their folder is written, too.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=_DIGEST_CHARS // 2).hexdigest()


def _checksum(file: Path) -> str:
    state = blake2b(digest_size=_DIGEST_CHARS // 2)
    with file.open("rb") as source:
        while piece := source.read(_READ_BYTES):
            state.update(piece)
    return state.hexdigest()


def _synced_checksum(file: Path) -> str:
    with file.open("rb") as source:
        os.fsync(source.fileno())
    return _checksum(file)


def _library() -> str:
    """hnswlib's files have no version of their own, and the machine's byte order."""
    return f"hnswlib {version('hnswlib')} {sys.byteorder}"
