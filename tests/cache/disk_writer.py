"""A process that writes entries until it is killed: `python disk_writer.py PATH`.

Each entry's body is its number, random bytes and their checksum. After each put its number and the time are printed.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

from tailrace.cache.disk import Disk
from tailrace.cache.entry import Entry


def body_of(number: int) -> bytes:
    text = b"%d " % number + os.urandom(500 + number % 3000)
    return hashlib.sha256(text).digest() + text


def main() -> None:
    disk = Disk(Path(sys.argv[1]), 1 << 30)
    number = int(sys.argv[2])
    while True:
        now = time.time()
        kind = {"cache": "c", "tenant": "t", "kind": "chat", "model": "m", "created": now, "expires": now + 3600}
        disk.put(Entry(key=str(number), body=body_of(number), frames=b"f" * 100, **kind))
        os.write(1, b"%d %f\n" % (number, time.monotonic()))
        number += 1
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
