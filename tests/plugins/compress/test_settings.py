from dataclasses import fields

import pytest
from pydantic import ValidationError

from tailrace_plugins.compress.passes import Switches
from tailrace_plugins.compress.settings import CompressSettings


def test_defaults_lose_nothing():
    assert CompressSettings().switches == Switches()


@pytest.mark.parametrize(
    "field", [one for one in fields(Switches) if one.name != "max_tabular_chars"], ids=lambda field: field.name
)
def test_each_pass_has_a_switch(field):
    value = not field.default if isinstance(field.default, bool) else 1_234
    told = CompressSettings.model_validate({field.name: value}).switches
    assert told == Switches(**{field.name: value}) != Switches()


@pytest.mark.parametrize(
    "wrong", [{"min_saved_tokens": 0}, {"min_saved_tokens": True}, {"max_piece_bytes": -1}, {"minified": True}]
)
def test_mistakes_are_refused(wrong):
    with pytest.raises(ValidationError):
        CompressSettings.model_validate(wrong)
