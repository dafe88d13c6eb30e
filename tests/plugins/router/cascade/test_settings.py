import pytest
from pydantic import ValidationError

from tailrace_plugins.router.cascade.settings import CascadeSettings


def test_it_is_off_and_keeps_nothing_by_default():
    settings = CascadeSettings()
    assert not settings.enabled and not settings.keep_pairs and settings.samples == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"accept": 1.1},
        {"accept": True},
        {"samples": -1},
        {"hold_tokens": 0},
        {"hold_s": 0},
        {"max_pairs_bytes": 1},
        {"x": 1},
    ],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        CascadeSettings(**wrong)


def test_durations_are_written_as_elsewhere_and_every_setting_is_described():
    assert CascadeSettings(hold_s="500ms").hold_s == 0.5
    assert all(field.description for field in CascadeSettings.model_fields.values())
