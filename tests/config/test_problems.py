import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tailrace.config.problems import ConfigError, Problem, dotted, from_validation, nearest


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b"), "a.b"),
        (("plugins", 2, "stream", "x"), "plugins[2].stream.x"),
        ((0, "a"), "[0].a"),
    ],
)
def test_dotted(path, text):
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("wrong", "known", "expected"),
    [
        ("prot", ["port", "host"], "; did you mean 'port'?"),
        ("zzz", ["b", "a"], "; known: a, b"),
        ("zzz", [], ""),
        ("zzz", [f"k{n}" for n in range(17)], ""),
        ("", ["a"], "; known: a"),
    ],
)
def test_nearest(wrong, known, expected):
    assert nearest(wrong, known) == expected


def test_how_it_is_told():
    assert str(Problem(("a", 1), "is wrong", "f:3")) == "f:3: a[1]: is wrong"
    assert str(Problem((), "is wrong")) == "configuration: is wrong"
    assert str(ConfigError([Problem(("a",), "x"), Problem(("b",), "y")])) == "a: x\nb: y"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1
    name: str = Field(default="x", max_length=3)

    @field_validator("size")
    @classmethod
    def _even(cls, value):
        if value % 2 == 0:
            raise ValueError("must be odd, not even")
        return value


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    one: Inner = Inner()
    maybe: Inner | None = None
    many: dict[str, Inner] = {}
    some: list[Inner] = []
    free: dict[str, str] = {}
    must: str


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, "p.must: is required"),
        ({"must": "x", "mst": 1}, "p.mst: unknown key; did you mean 'must'?"),
        ({"must": "x", "one": {"siz": 1}}, "p.one.siz: unknown key; did you mean 'size'?"),
        ({"must": "x", "maybe": {"siz": 1}}, "p.maybe.siz: unknown key; did you mean 'size'?"),
        ({"must": "x", "many": {"k": {"siz": 1}}}, "p.many.k.siz: unknown key; did you mean 'size'?"),
        ({"must": "x", "some": [{}, {"siz": 1}]}, "p.some[1].siz: unknown key; did you mean 'size'?"),
        ({"must": "x", "one": {"size": 2}}, "p.one.size: must be odd, not even"),
        ({"must": "x", "one": {"name": "long"}}, "p.one.name: string should have at most 3 characters"),
        ({"must": 1}, "p.must: input should be a valid string"),
    ],
)
def test_from_validation(data, expected):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    assert [str(problem) for problem in from_validation(caught.value, Outer, ("p",))] == [expected]
