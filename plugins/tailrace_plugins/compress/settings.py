"""What can be set on the `compress` plugin."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailrace.config.references import ModelName
from tailrace.config.values import Count
from tailrace.plugin import PluginSettings
from tailrace_plugins.compress.offers import Form
from tailrace_plugins.compress.passes import Switches


class HistorySettings(BaseModel):
    """Old messages replaced by a summary. It is used from the turn on in which it pays: replacing them breaks the
    provider's cached prefix, and no more is risked for it than compression has saved in the session so far."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    enabled: bool = False
    """Whether to do so at all. Loses what the summary does not say; with `retrieval` the model can ask for it."""
    limit: Count = Field(default=50, ge=4)
    """Messages of a conversation, leading system messages not counted, above which the oldest are summed up."""
    target: Count = Field(default=30, ge=2)
    """About how many are left then, the summary among them. Calls and their results stay together; the user's first
    messages stay as they are."""
    keep_turns: Count = Field(default=8, ge=1)
    """The last turns, an answer of the model and what follows it each, that always stay."""
    summary_tokens: Count = Field(default=1_500, ge=50, le=20_000)
    """The longest summary."""
    model: ModelName | None = None
    """A cheap model that writes the summary in the background, before it is needed. Without one, and where it fails,
    the summary is made of the messages' own words: what was called and what came of it, and the ids, paths, numbers and
    errors that were used again."""

    @model_validator(mode="after")
    def _target_below_limit(self) -> "HistorySettings":
        if self.target >= self.limit:
            raise ValueError(f"target ({self.target}) must be smaller than limit ({self.limit})")
        if self.keep_turns >= self.target:
            raise ValueError(f"keep_turns ({self.keep_turns}) must be smaller than target ({self.target}), in messages")
        return self


class CompressSettings(PluginSettings):
    """Tool results with fewer tokens, decided once when a message first appears and replayed byte for byte in every
    later turn, so that the provider's prefix cache keeps hitting."""

    tabular: bool = True
    """Whether lists of equal JSON objects become TOON tables, where that is smaller in tokens and reads back equal."""
    grouped: bool = False
    """Whether lists of lists become such tables, too, each inner list a row with the columns 0, 1, …: a fifth fewer
    tokens again where tools answer so, but the format's own reader then gives objects for them."""
    minify: bool = True
    """Whether JSON loses the blanks that mean nothing."""
    terminal: bool = True
    """Whether terminal output loses what a terminal would not show: colours, overwritten progress, runs of equal lines
    (counted)."""
    whitespace: bool = True
    """Whether text loses trailing blanks and runs of empty lines."""
    listing: bool = True
    """Whether the blanks that align line numbers (`cat -n`, editors' views) go; the lines themselves stay. A file whose
    own lines are numbered so loses those blanks, too."""
    headings: bool = True
    """Whether search results with the path in each line name it once above them, as `rg --heading` does."""
    paths: bool = True
    """Whether lists of paths name each folder once above its files."""
    repeats: bool = True
    """Whether lines that stand earlier in the context become a reference to where they stand: a file that is read
    again, the same test run. Off where the request asks the provider to clear parts of its context."""
    numbers: bool = False
    """Whether listings keep every fifth line's number only; those between follow by one each. Loses nothing, but a
    model that edits by line numbers has to count."""
    test_noise: bool = False
    """Whether lines of passing tests and finished downloads become a count. Loses them; failures, warnings, errors and
    summaries stay."""
    long_results: bool = False
    """Whether long text loses its middle, but for errors and lines that match the call, with a mark that says how much.
    Loses it."""
    max_result_chars: Count = Field(default=5_000, ge=200)
    """From which length on a text is long."""
    retrieval: bool = False
    """Whether the model is offered a tool (`tailrace_recall`) that brings back what was left out. The proxy answers its
    calls; the client sees neither them nor the tool. With it nothing is left out without a mark that says how to get
    it, of files neither; without the tool, nothing at all. It is offered from the first request on where the client
    has tools that read files or run commands, and else from the first text on that is long enough to pay for it."""
    definitions: Form = "as-is"
    """The client's tool definitions: `as-is`; `trimmed`, without what says nothing to a model (automatic titles, empty
    lists); `shortened`, long descriptions cut at their sentences, too; `lazy`, a line each in the description of one
    tool `load_tools`, which the proxy answers (where they are long, see `lazy_from_tokens`). From the first request of
    a conversation on, never in the middle."""
    description_chars: Count = Field(default=300, ge=40, le=30_000)
    """The longest description of a tool that is `shortened`; of a parameter it is half."""
    lazy_from_tokens: Count = Field(default=8_000, ge=0)
    """Fewer tokens of definitions are never loaded lazily: each loading costs a round and the cached prefix."""
    prompts: bool = False
    """Whether what the user says loses filler ("please note that", "in order to"). Loses it; measured to save a third
    of a percent at most."""
    history: HistorySettings = HistorySettings()
    """Old messages replaced by a summary once a conversation is long; off unless it is enabled."""
    min_saved_tokens: Count = Field(default=8, ge=1, le=100_000)
    """A text that would be smaller by fewer tokens is sent as it is."""
    least_prompt_tokens: Count = Field(default=1_024, ge=0)
    """New texts are edited only where the whole prompt stays longer than this: shorter ones no provider caches, and one
    that an edit keeps short is billed in full for a turn more. 0 edits from the first turn on."""
    max_piece_bytes: Count = Field(default=262_144, ge=1, le=33_554_432)
    """Larger texts are sent as they are. While a text is looked at, other requests may have to wait for up to 50 ms for
    each MB of it."""
    persist: bool = True
    """Whether what was decided is kept in `data_dir` too (the edited texts, for two hours after their last use), so
    that sessions go on with the same bytes after a restart, and in other processes of this host. Nothing is kept of
    requests with `x-tailrace-no-store`."""
    session_bytes: Count = Field(default=4_194_304, ge=0)
    """Most memory for what was decided in one session. Beyond it new messages are no longer edited; those that were
    stay as they were sent."""
    memory_bytes: Count = Field(default=268_435_456, ge=0)
    """The same for all sessions together."""

    @property
    def leaves_out(self) -> bool:
        """Whether anything is left out that could be asked for."""
        return self.long_results or self.test_noise or self.history.enabled

    @property
    def switches(self) -> Switches:
        """Which passes may act."""
        return Switches(
            tabular=self.tabular,
            grouped=self.grouped,
            minify=self.minify,
            terminal=self.terminal,
            whitespace=self.whitespace,
            listing=self.listing,
            headings=self.headings,
            paths=self.paths,
            repeats=self.repeats,
            numbers=self.numbers,
            prompts=self.prompts,
            test_noise=self.test_noise,
            long_results=self.long_results,
            max_result_chars=self.max_result_chars,
        )


EVERYTHING: Final[Mapping[str, Any]] = {
    "grouped": True,
    "numbers": True,
    "test_noise": True,
    "long_results": True,
    "retrieval": True,
    "definitions": "shortened",
    "prompts": True,
    "history": {"enabled": True},
}
"""What is off by default, switched on."""
