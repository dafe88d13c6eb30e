"""Vectors at random, and waiting for a condition."""

import asyncio

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("hnswlib")

from tailrace.tasks import Tasks  # noqa: E402


class Made:
    """`count` unit vectors of 16 components; `self[n]` is the n-th as bytes."""

    def __init__(self, count: int, seed: int = 0, dimension: int = 16) -> None:
        matrix = np.random.default_rng(seed).standard_normal((count, dimension))
        self.matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype("<f4")
        self.dimension = dimension

    def __getitem__(self, n: int) -> bytes:
        return self.matrix[n].tobytes()

    def __len__(self) -> int:
        return len(self.matrix)

    def nearest(self, vector: bytes, among: list[int], k: int) -> list[int]:
        scores = self.matrix[among] @ np.frombuffer(vector, "<f4")
        return [among[at] for at in np.argsort(-scores)[:k]]


@pytest.fixture(scope="session")
def made():
    return Made(4000)


@pytest.fixture
def until():
    async def wait(is_so, deadline_s: float = 20.0) -> None:
        async with asyncio.timeout(deadline_s):
            while not is_so():
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
async def tasks():
    tasks = Tasks()
    yield tasks
    await tasks.drain(20)
