import time

import pytest

from tailrace_plugins.router.policy.toolerrors import looks_like_error

TRACEBACK = """Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    run()
ZeroDivisionError: division by zero
"""

ERRORS = {
    "traceback": TRACEBACK,
    "output, then a traceback": "loading\n" * 200 + TRACEBACK,
    "exception": "ValueError: invalid literal for int() with base 10: 'x'",
    "qualified exception": "java.lang.NullPointerException: Cannot invoke foo()",
    "python repr": "FileNotFoundError(2, 'No such file')",
    "error": "Error: file not found",
    "error in capitals": "ERROR: permission was refused",
    "tool error": "Tool error: no such page",
    "fatal": "fatal: not a git repository (or any of the parent directories): .git",
    "error with a code": "error[E0382]: use of moved value".replace("error[E0382]", "error [E0382]"),
    "executing": "Error executing tool search: timeout",
    "an error occurred": "An error occurred while fetching the page",
    "claude code": "<tool_use_error>File has not been read yet.</tool_use_error>",
    "stderr": "[stderr] error: unknown flag --foo",
    "command not found": "bash: line 1: foo: command not found",
    "zsh": "zsh: command not found: foo",
    "windows": "'foo' is not recognized as an internal or external command,",
    "no such file": "cat: notes.txt: No such file or directory",
    "ls": "ls: cannot access 'x': No such file or directory",
    "permission": "sh: /etc/shadow: Permission denied",
    "exit code": "Exit code 1\n2 failed, 3 passed",
    "exit code at the end": "2 failed, 3 passed\nProcess exited with code 1",
    "exit status": "make: done\nexit status 2",
    "command failed": "Command failed with exit code 127: foo",
    "http": "HTTP 404",
    "http version": "HTTP/1.1 503 Service Unavailable",
    "status": "status: 500\nbody: oops",
    "status phrase": "404 Not Found",
    "axios": "Request failed with status code 429",
    "failed to": "Failed to open database",
    "invalid argument": "Invalid arguments for tool edit_file",
    "permission denied": "Permission denied by the user",
    "uncaught": "Uncaught TypeError: x is not a function",
    "blanks before": "\n\n  Error: nothing there",
    "json error": '{"error": "not found"}',
    "json error object": '{"error": {"code": 404, "message": "no"}}',
    "json errors": '{"data": null, "errors": [{"message": "no"}]}',
    "json is_error": '{"is_error": true, "text": "x"}',
    "json mcp": '{"isError":true,"content":[]}',
    "json success": '{"success": false}',
    "json ok": '{"ok":false,"reason":"quota"}',
    "json status word": '{"status": "Failed", "log": ""}',
    "json status number": '{"status": 502, "body": ""}',
    "json exit code": '{"stdout": "", "stderr": "x", "exit_code": 2}',
    "json returncode": '{"returncode": -9}',
}

FINE = {
    "nothing": "",
    "blank": " \n ",
    "text": "The file was written.",
    "python source": "def parse(text):\n    try:\n        return int(text)\n    except ValueError:\n        raise ParseError('x')\n",
    "numbered source": "   12\ttry:\n   13\t    run()\n   14\texcept ValueError as error:\n   15\t    raise RuntimeError(error)\n",
    "source that ends with an error": "class Bad(Exception):\n    pass\n\n\nclass Worse(ValueError):\n    '''Traceback'''\n",
    "javascript": "try { go() } catch (error) { console.error(error) }",
    "grep": "src/app.py:12:    logger.error('failed to connect')\nsrch/b.py:3:class ParseError(Exception):\n",
    "grep for tracebacks": "a.log:1: Traceback (most recent call last):\nb.log:9: Traceback (most recent call last):\n",
    "log with an error inside": "12:00 start\n12:01 ERROR connection lost\n12:02 retry\n12:03 connected\n" * 20,
    "docs": "# Error handling\n\nEvery error knows its HTTP status. A 404 means that nothing is there.\n",
    "file list": "errors.py\ntest_errors.py\nexceptions/\n",
    "tests passed": "............\n12 passed in 0.31s",
    "no errors": "0 errors, 0 warnings",
    "no error found": "No errors found.",
    "exit code 0": "done\nexit code 0",
    "exited well": "Process exited with code 0",
    "http 200": "HTTP/1.1 200 OK",
    "a number": "404",
    "a count": "500 rows",
    "room": "404 rooms are free",
    "json fine": '{"result": 4, "error": null}',
    "json empty error": '{"error": "", "errors": [], "data": 1}',
    "json status ok": '{"status": "ok", "code": 200}',
    "json exit 0": '{"exit_code": 0, "stdout": "error: none"}',
    "json mentions": '{"title": "HTTP 500 explained", "text": "error: a word"}',
    "json list": '[{"error": "x"}]',
    "json cut": '{"error": "x"',
    "json bool code": '{"exit_code": true, "code": true}',
    "sentence": "The error was fixed by the last commit.",
    "issue title": "Fix error in parser when the file is empty",
    "return code prose": "The function returns code 1 if nothing was found, as its documentation says.",
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS.values(), ids=ERRORS)
def test_errors(text):
    assert looks_like_error(text)


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_what_only_has_the_word(text):
    assert not looks_like_error(text)


def test_the_middle_of_a_long_result_is_not_looked_at():
    assert not looks_like_error("fine\n" * 500 + TRACEBACK + "fine\n" * 500)


def test_a_long_json_object_is_read_as_text():
    assert not looks_like_error('{"text": "' + "x" * 20_000 + '", "error": "y"}')


@pytest.mark.parametrize(
    "unit", ["error ", "exit ", "a.b.c", "ls: ", "{", "\ud800", "failed with ", "\n", "an ", "<error>", "["]
)
def test_no_text_takes_long(unit):
    text = unit * 200_000
    began = time.perf_counter()
    looks_like_error(text)
    assert time.perf_counter() - began < 0.3
