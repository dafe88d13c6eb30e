import pytest

from tailrace_plugins.compress.passes import verbatim
from tailrace_plugins.compress.passes.verbatim import freedom


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("", ""),
        ("Read", '{"file_path":"/r/package.json"}'),
        ("read_file", "{}"),
        ("mcp__code-search__read_file", '{"path":"a.py"}'),
        ("mcp__list-tools__read_text_file", '{"path":"a.py"}'),
        ("fs_read", '{"operations":[{"path":"package.json"}]}'),
        ("str_replace_editor", '{"command":"view","path":"/a"}'.replace("command", "action")),
        ("get_file_contents", '{"owner":"o"}'),
        ("read_resource", '{"uri":"file:///a"}'),
        ("load", '{"name":"settings.yaml"}'),
        ("Grep", '{"pattern":"x"}'),
        ("fetch_page", '{"id":1}'),
        ("filesystem", '{"op":"get"}'),
        ("git_diff_viewer_view", "{}"),
        ("lookup", '{"target_path": "x"}'),
    ],
)
def test_what_may_be_a_file_is_sent_to_the_letter(tool, arguments):
    assert freedom(tool, arguments) in ("none", "controls")
    if "git" not in tool:
        assert freedom(tool, arguments) == "none"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("Bash", '{"command":"cat x.py"}'),
        ("shell", '{"command":["cat","package.json"]}'),
        ("container.exec", '{"cmd":["bash","-lc","ls"]}'),
        ("execute_bash", '{"command":"git -C /r show HEAD:package.json"}'),
        ("python", '{"code":"print(open(1).read())"}'),
        ("run_terminal_cmd", '{"command":"docker exec c cat f"}'),
        ("anything", '{"script":"jq . a.json"}'),
    ],
)
def test_of_what_a_command_printed_only_controls_go(tool, arguments):
    assert freedom(tool, arguments) == "controls"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_direct_flight", '{"origin":"JFK","destination":"SEA","date":"2024-05-20"}'),
        ("get_user_details", '{"user_id":"mia_li_3668"}'),
        ("get_weather", '{"city":"Ghent"}'),
        ("list_orders", "{}"),
        ("sql_query", '{"query":"select 1"}'),
        ("think", '{"thought":"..."}'),
    ],
)
def test_data_may_be_spelled_otherwise(tool, arguments):
    assert freedom(tool, arguments) == "all"


def test_long_arguments_take_no_time():
    assert freedom("save", '{"text":"' + "a" * 5_000_000 + '"}') == "all"


@pytest.mark.parametrize(
    ("tool", "arguments", "search", "listing"),
    [
        ("grep", '{"pattern": "x"}', True, True),
        ("Glob", '{"pattern": "*.py"}', True, True),
        ("bash", '{"command": "cd /src && grep -rn x ."}', True, True),
        ("bash", '{"command": "find . -name x"}', True, True),
        ("bash", '{"command": "git ls-files"}', False, True),
        ("bash", '{"command": "ls"}', False, True),
        ("bash", '{"command": "cat search/results.txt"}', False, False),
        ("read_file", '{"path": "search/find.txt"}', False, False),
        ("bash", '{"command": "cat MANIFEST"}', False, False),
        ("list_directory", '{"path": "."}', False, True),
    ],
)
def test_what_searches_and_what_lists_files(tool, arguments, search, listing):
    assert verbatim.is_search(tool, arguments) is search
    assert verbatim.is_list_of_files(tool, arguments, "a/b\na/c") is listing


def test_a_view_of_a_folder_says_so_itself():
    text = "Here's the files and directories up to 2 levels deep in /src:\n/src/a\n/src/b"
    assert verbatim.is_list_of_files("editor", '{"command": "view", "path": "/src"}', text)
