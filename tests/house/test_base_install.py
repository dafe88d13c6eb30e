"""The base install imports without any extra, starts fast enough to see, and loads nothing heavy."""

import pkgutil
import subprocess
import sys

import tailrace

EXTRAS = ("torch", "sentence_transformers", "hnswlib", "litellm", "redis", "asyncpg", "pgvector", "numpy", "grpc")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_imports_without_extras() -> None:
    names = [
        module.name
        for module in pkgutil.walk_packages(tailrace.__path__, "tailrace.")
        if not module.name.endswith("__main__")
    ]
    assert len(names) > 50
    out = run(
        "import sys, importlib\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {EXTRAS!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print('all')"
    )
    assert out.strip() == "all"


def test_serving_loads_nothing_heavy() -> None:
    out = run(f"import sys, tailrace.app, tailrace.cli; print([n for n in {EXTRAS!r} if n in sys.modules])")
    assert out.strip() == "[]"


def test_help_loads_next_to_nothing() -> None:
    out = run(
        "import sys, tailrace.cli; print([n for n in ('aiohttp', 'pydantic', 'opentelemetry') if n in sys.modules])"
    )
    assert out.strip() == "[]"
