"""The features of a request: named numbers, and the text they were read from."""

from collections.abc import Iterator, Mapping


class Features(Mapping[str, float]):
    """Named numbers of a request, in a fixed order; a name it has not reads as KeyError. Frozen by convention.

    `question` is the last text of the user, in full: the one that is embedded. `sample` is what of it was read, in
    lower case; `words` are the words of the sample. `language` is a two-letter code, "" when nothing tells.
    """

    __slots__ = ("_values", "language", "question", "sample", "words")

    def __init__(
        self,
        values: dict[str, float],
        question: str = "",
        *,
        sample: str = "",
        words: tuple[str, ...] = (),
        language: str = "",
    ) -> None:
        self._values = values
        self.question = question
        self.sample = sample
        self.words = words
        self.language = language

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """Without any text of the request: this may be logged."""
        shown = ", ".join(f"{name}={value:g}" for name, value in self._values.items() if value)
        return f"Features({shown}, language={self.language!r})"
