"""How much of a result may be spelled otherwise, told from the call that it answers.

An agent edits a file by quoting it, and copies from what a shell printed. So what may be a file's text is sent to the
letter, and of what a command printed only what no terminal shows is left out. Listing the ways to read a file has no
end (`docker exec c cat f`, `python -c ...`, an MCP server's own tool), hence the other way round: every tool whose name
or arguments speak of files, paths or documents, and every call that is not known, counts as reading one.
"""

import re
from typing import Final, Literal

Freedom = Literal["none", "controls", "all"]
"""`none`: to the letter. `controls`: without escape sequences and what they overwrote. `all`: every lossless pass."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_FILES: Final = frozenset(
    """file files editor notebook buffer edit cat read view open fs filesystem resource document documents grep config
    source diff patch blob content contents page""".split()
)
_COMMANDS: Final = frozenset(
    """bash shell sh zsh exec execute run command cmd terminal powershell pwsh process python ipython jupyter node repl
    interpreter script container sandbox console kubectl docker git""".split()
)
_FILE_KEY: Final = re.compile(
    r'"(?:\w{0,40}(?:path|paths|file|files|filename|filepath|uri|uris|dir|directory)|src|document|notebook|buffer)"\s*:',
    re.IGNORECASE,
)
_COMMAND_KEY: Final = re.compile(
    r'"(?:cmds?|commands?|scripts?|code|keystrokes|stdin|argv|source_code)"\s*:', re.IGNORECASE
)
_FILE_VALUE: Final = re.compile(
    r"file://|[\w-]\.(?:json[c5l]?|ya?ml|toml|ini|cfg|conf|lock|xml|html?|md|txt|csv|tsv|ipynb|[cm]?[jt]sx?|py|go|rs|java|kt"
    r'|rb|php|cs|cpp|[ch]|sh|sql|env|tf|vue|svelte|css|scss)["\s\\]',
    re.IGNORECASE,
)
_SEARCH: Final = re.compile(r"grep|search|find|glob", re.IGNORECASE)
_SEARCH_RUN: Final = re.compile(r"(?:^|[\s;&|(\"'`])(?:git grep|[ef]?grep|rg|ag|ack|find)\s", re.IGNORECASE)
_LIST: Final = re.compile(r"grep|search|find|glob|list|tree|ls\b|dir\b", re.IGNORECASE)
_LIST_RUN: Final = re.compile(
    r"(?:^|[\s;&|(\"'`])(?:git (?:ls-files|grep|diff --name-only|status)|[ef]?grep|rg|fd|find|ls|tree)(?:\s|\"|$)",
    re.IGNORECASE,
)
_OF_FOLDER: Final = re.compile(
    r"[^\n]{0,120}(?:files and directories|directory (?:listing|tree|structure))", re.IGNORECASE
)
_MOST_ARGUMENTS: Final = 65_536
"""Characters of arguments that are looked at; a longer call writes something."""


def freedom(tool: str, arguments: str) -> Freedom:
    """What the passes may do with the result of a call: its tool's name, its arguments as JSON text.

    Nothing where the call is not known, or speaks of files. A command may print one, too, whatever it is: of its output
    only controls go. Everything for the answers of all other tools, which are data.
    """
    if not tool:
        return "none"
    words = {word.lower() for word in _WORD.findall(tool)}
    looked_at = arguments[:_MOST_ARGUMENTS]
    runs = bool(words & _COMMANDS) or _COMMAND_KEY.search(looked_at) is not None
    if not runs and (words & _FILES or _FILE_KEY.search(looked_at) or _FILE_VALUE.search(looked_at)):
        return "none"
    return "controls" if runs else "all"


def is_search(tool: str, arguments: str) -> bool:
    """Whether a call has searched files, by its tool's name or the command that it runs."""
    return _SEARCH.search(tool) is not None or _runs(_SEARCH_RUN, arguments)


def is_list_of_files(tool: str, arguments: str, text: str) -> bool:
    """Whether a result is a list of files, by the call or by how the text begins: a file's own text may be one, too."""
    return _LIST.search(tool) is not None or _runs(_LIST_RUN, arguments) or _OF_FOLDER.match(text) is not None


def _runs(command: re.Pattern[str], arguments: str) -> bool:
    looked_at = arguments[:_MOST_ARGUMENTS]
    return _COMMAND_KEY.search(looked_at) is not None and command.search(looked_at) is not None
