"""What the tests here share is in kept_kit.py, which is a program of its own, too."""

import sys
import threading
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

if "kept_kit" not in sys.modules:
    spec = spec_from_file_location("kept_kit", Path(__file__).with_name("kept_kit.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["kept_kit"] = module
    spec.loader.exec_module(module)


@pytest.fixture
async def open_store(tmp_path):
    from kept_kit import QUICK, Store, until

    opened = []

    def make(limits=QUICK, now=None, folder=None):
        opened.append(Store(folder or tmp_path / "compress", limits, now or time.time))
        return opened[-1]

    yield make
    for store in opened:
        await store.aclose()
    await until(lambda: not [one for one in threading.enumerate() if one.name.startswith("compress-kept")])
