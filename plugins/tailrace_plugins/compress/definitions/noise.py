"""What in a tool's schema says nothing to a model. Nothing that a provider asks for goes, nor any description's words.

What is left out, and why it may be:
- `$schema`, and `$id` where no reference hangs on it: for validators, which the client has with its own copy;
- a `title` that repeats the name of what it stands on, as pydantic makes them ("Order Id" for order_id);
- a `description` that is empty or repeats that name, or stands on the schema as it does on the tool;
- `default: null` of what need not be given;
- `required: []`, and keywords with the value that they have by default (`nullable: false`, `minItems: 0`);
- `examples` that `enum` lists;
- the bounds of safe integers, as zod writes them;
- `$defs` that nothing refers to;
- `additionalProperties: false` beside properties: a model only gives those that it is told of.
The last and `required: []` stay in strict tools: OpenAI refuses a strict schema without them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions.form import Form, read
from tailrace_plugins.compress.definitions.schema import Place, edited

_DEFAULTS: Final[Mapping[str, Any]] = {
    "nullable": False,
    "deprecated": False,
    "readOnly": False,
    "writeOnly": False,
    "uniqueItems": False,
    "minItems": 0,
    "minLength": 0,
    "minProperties": 0,
}
_SAFE_INTEGER: Final = 2**53 - 1
_WORD: Final = re.compile(r"[^\W_]+")
_ARTICLES: Final = ("the", "a", "an")
_OF_ARGUMENTS: Final = re.compile(r"(?:args|arguments|input|inputs|params|parameters|schema|request|model)$")
_POINTER: Final = re.compile(r"#/(\$defs|definitions)/([^/~%]+)(?:/|$)")
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ANCHORS: Final = frozenset({"$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary"})
_DEEPEST: Final = 200


def without_noise(shape: Shape, tools: Sequence[Any]) -> list[Any]:
    """The tools with such things left out of their schemas; one without any is the same object. Never raises."""
    return [_cleared(shape, tool) for tool in tools]


def _cleared(shape: Shape, tool: Any) -> Any:
    form = read(shape, tool)
    if form is None or not form.schema:
        return tool
    references = _Found(form.schema)
    schema = edited(form.schema, form.name, _Clear(form, references))
    return form.written(form.description, references.without_unused(schema))


class _Clear:
    """Takes the noise out of one schema; those within it had theirs taken out before."""

    def __init__(self, form: Form, references: "_Found") -> None:
        self.form = form
        self.references = references

    def __call__(self, schema: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
        kept = {
            keyword: value for keyword, value in schema.items() if not self._is_noise(keyword, value, schema, place)
        }
        # A schema of nothing is one that some providers refuse.
        return schema if len(kept) == len(schema) or not kept else kept

    def _is_noise(self, keyword: str, value: Any, schema: Mapping[str, Any], place: Place) -> bool:
        if keyword in ("title", "description"):
            if place.root and keyword == "description" and value == self.form.description:
                return True
            return isinstance(value, str) and _says_nothing(value, place, keyword)
        if keyword in ("minimum", "maximum"):
            bound = _SAFE_INTEGER if keyword == "maximum" else -_SAFE_INTEGER
            return schema.get("type") == "integer" and type(value) is int and value == bound
        if keyword in ("examples", "example"):
            return _is_listed(value if keyword == "examples" else [value], schema.get("enum"))
        if keyword == "$schema":
            return place.root and isinstance(value, str)
        if keyword == "$id":
            return isinstance(value, str) and not self.references.hang_on_id(at_root=place.root)
        if keyword == "default":
            return value is None and place.optional
        if keyword in _DEFAULTS:
            # As 0 == False in Python, but not in JSON.
            return type(value) is type(_DEFAULTS[keyword]) and value == _DEFAULTS[keyword]
        if self.form.strict:
            return False
        if keyword == "required":
            return value == [] and type(value) is list
        return keyword == "additionalProperties" and value is False and not place.chosen and _is_plain(schema)


def _is_plain(schema: Mapping[str, Any]) -> bool:
    """Whether it lists an object's properties and nothing else: where it lists none, "nothing more" says something."""
    return type(schema.get("properties")) is dict and bool(schema["properties"]) and "patternProperties" not in schema


def _says_nothing(text: str, place: Place, keyword: str) -> bool:
    if not text.strip():
        return True
    said, name = _squeezed(text), _squeezed(place.name)
    if said == name:
        return bool(name)
    # "SearchArguments" on the arguments of `search`: what they are, the place itself tells.
    return place.root and keyword == "title" and bool(name) and _OF_ARGUMENTS.sub("", said) == name


def _squeezed(text: str) -> str:
    """A name or a text by its letters and digits alone, without an article at its beginning."""
    words = _WORD.findall(text.lower()[:200])
    if len(text) > 200:
        return text
    if len(words) > 1 and words[0] in _ARTICLES:
        del words[0]
    return "".join(words)


def _is_listed(examples: Any, enum: Any) -> bool:
    if type(examples) is not list or type(enum) is not list:
        return False
    listed = {value for value in enum if isinstance(value, str)}
    return all(isinstance(value, str) and value in listed for value in examples)


class _Found:
    """What refers to what in a schema. Where anything is in doubt, everything is used."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.any = False
        self.plain = True
        self._used: set[tuple[str, str]] = set()
        self._has_definitions = any(type(schema.get(where)) is dict for where in ("$defs", "definitions"))
        self._look(schema)

    def hang_on_id(self, *, at_root: bool) -> bool:
        """Whether a reference may be resolved by an `$id`."""
        return self.any if not at_root else not self.plain

    def without_unused(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema without definitions that nothing refers to."""
        if not self._has_definitions or not self.plain:
            return schema
        made = dict(schema)
        for where in ("$defs", "definitions"):
            held = schema.get(where)
            if type(held) is not dict:
                continue
            kept = {name: value for name, value in held.items() if (where, name) in self._used}
            if len(kept) == len(held):
                continue
            made[where] = kept
            if not kept:
                del made[where]
        is_changed = len(made) != len(schema) or any(made[key] is not schema[key] for key in made)
        return made if is_changed and made else schema

    def _look(self, schema: Mapping[str, Any]) -> None:
        held = {where: schema[where] for where in ("$defs", "definitions") if type(schema.get(where)) is dict}
        waiting: list[Any] = [value for keyword, value in schema.items() if keyword not in held]
        if not self._note_keys(schema):
            return
        while waiting:
            for where, name in self._pointers(waiting.pop()):
                if (where, name) not in self._used:
                    self._used.add((where, name))
                    if name in held.get(where, {}):
                        waiting.append(held[where][name])
        # In definitions that nothing uses, a reference uses none; but an anchor or an odd reference speaks for doubt.
        for definitions in held.values():
            for _ in self._pointers(definitions):
                pass

    def _pointers(self, value: Any) -> Iterator[tuple[str, str]]:
        """What a value points to by any of its texts: a discriminator's mapping does so too."""
        level, depth = [value], 0
        while level:
            depth += 1
            if depth > _DEEPEST:
                self.plain = False
                return
            below: list[Any] = []
            for one in level:
                if type(one) is dict:
                    self._note_keys(one)
                    below += one.values()
                elif type(one) is list:
                    below += one
                elif isinstance(one, str) and one.startswith("#/"):
                    found = _POINTER.match(one)
                    if found is not None:
                        yield found[1], found[2]
                    elif one.startswith(("#/$defs", "#/definitions")) or "~" in one or "%" in one:
                        self.plain = False
            level = below

    def _note_keys(self, schema: Mapping[str, Any]) -> bool:
        for reference in _REFERENCES & schema.keys():
            self.any = True
            value = schema[reference]
            if reference != "$ref" or (isinstance(value, str) and value != "#" and not value.startswith("#/")):
                self.plain = False
        if _ANCHORS & schema.keys():
            self.any, self.plain = True, False
        return self.plain
