import pytest
from pydantic import ValidationError

from tailrace.config.models import Config, Provider


def test_nothing_changes_after_load():
    config = Config(providers={"o": {"base_url": "http://h"}})
    for part, name in ((config, "preset"), (config.server, "port"), (config.providers["o"], "base_url")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, None)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"base_url": "http://h"}, None),
        ({"dialect": "litellm"}, None),
        ({"dialect": "azure", "base_url": "http://h", "api_version": "v"}, None),
        ({}, "base_url is required"),
        ({"dialect": "anthropic"}, "base_url is required"),
        ({"dialect": "azure", "base_url": "http://h"}, "api_version is required"),
        ({"dialect": "azure", "base_url": "http://h", "api_version": ""}, "api_version is required"),
    ],
)
def test_what_a_provider_needs(given, wrong):
    if wrong is None:
        Provider(**given)
    else:
        with pytest.raises(ValidationError, match=wrong):
            Provider(**given)


def test_secrets_hide_themselves():
    config = Config(
        admin={"token": "s3cret"},
        providers={"o": {"base_url": "http://h", "api_key": "s3cret"}},
        keys={"static": {"a": "s3cret"}},
        telemetry={"otlp": {"headers": {"k": "s3cret"}}},
    )
    assert "s3cret" not in f"{config} {config!r} {config.model_dump(mode='json')} {config.model_dump_json()}"


def test_headers_hide_themselves():
    provider = Provider(base_url="http://h", headers={"Authorization": "Bearer s3cret"})
    assert "s3cret" not in f"{provider} {provider.model_dump(mode='json')}"
