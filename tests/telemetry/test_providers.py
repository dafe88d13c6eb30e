import pytest

from tailrace.config.models import Provider
from tailrace.telemetry.providers import Known, known, table

CASES = [
    ({"base_url": "https://api.openai.com/v1"}, Known("openai", "https", "api.openai.com", 443)),
    ({"base_url": "https://api.anthropic.com/v1", "dialect": "anthropic"}, "anthropic"),
    ({"base_url": "https://me.openai.azure.com", "dialect": "azure", "api_version": "1"}, "azure.ai.openai"),
    ({"base_url": "https://me.services.ai.azure.com/openai/v1"}, "azure.ai.inference"),
    ({"base_url": "https://gateway.corp/azure", "dialect": "azure", "api_version": "1"}, "azure.ai.openai"),
    ({"base_url": "https://bedrock-runtime.eu-west-1.amazonaws.com/v1"}, "aws.bedrock"),
    ({"base_url": "https://europe-west1-aiplatform.googleapis.com/v1"}, "gcp.vertex_ai"),
    ({"base_url": "https://api.groq.com/openai/v1"}, "groq"),
    ({"base_url": "http://127.0.0.1:11434/v1"}, Known("main", "http", "127.0.0.1", 11434)),
    ({"base_url": "http://box/v1"}, Known("main", "http", "box", 80)),
    ({"base_url": "https://evil-api.openai.com.example/v1"}, "main"),
    ({"dialect": "litellm", "litellm_provider": "bedrock"}, "aws.bedrock"),
    ({"dialect": "litellm", "litellm_provider": "ollama"}, "ollama"),
]


@pytest.mark.parametrize(("fields", "expected"), CASES)
def test_the_true_upstream(fields, expected):
    found = known("main", Provider(**fields))
    assert (found if isinstance(expected, Known) else found.name) == expected


def test_a_table_of_all():
    made = table({"bedrock": Provider(dialect="litellm")})
    assert made["bedrock"].name == "aws.bedrock"
