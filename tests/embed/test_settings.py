"""What can be set, and what is refused."""

import pytest
from pydantic import ValidationError

from tailrace.embed import EmbedderSettings


def test_defaults_need_no_network():
    settings = EmbedderSettings()
    assert settings.base_url is None and settings.model == "all-MiniLM-L6-v2" and settings.timeout_s == 2.0


def test_every_field_says_what_it_is():
    assert all(field.description for field in EmbedderSettings.model_fields.values())


def test_an_endpoint():
    settings = EmbedderSettings.model_validate(
        {
            "base_url": "http://127.0.0.1:1/v1/",
            "model": "text-embedding-3-small",
            "api_key": "sk-1",
            "timeout_s": "500ms",
        }
    )
    assert settings.base_url == "http://127.0.0.1:1/v1" and settings.timeout_s == 0.5
    assert "sk-1" not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"model": ""},
        {"api_key": "sk-1"},
        {"dimensions": 256},
        {"base_url": "http://127.0.0.1/v1"},
        {"base_url": "ftp://host", "model": "m"},
        {"threads": 0},
        {"max_batch": True},
        {"timeout_s": 0},
        {"modle": "m"},
    ],
)
def test_refused(given):
    with pytest.raises(ValidationError):
        EmbedderSettings.model_validate(given)
