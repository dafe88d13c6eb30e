import pytest

from tailrace_plugins.compress.passes import noise
from tailrace_plugins.compress.passes.marks import marked

FINE = {
    "pytest": ["tests/test_a.py::test_one PASSED [ 10%]", "tests/test_a.py ....   [ 20%]"],
    "jest": ["  ✓ adds numbers (2 ms)", "PASS src/a.test.js"],
    "go": ["=== RUN   TestA", "--- PASS: TestA (0.00s)", "ok  \texample.com/a\t0.01s"],
    "cargo": ["test a::b ... ok", "   Compiling serde v1.0.1"],
    "maven": ["[INFO] Downloading from central: https://repo/x.jar"],
    "gradle": ["> Task :app:compileJava UP-TO-DATE", "ATest > works() PASSED"],
    "npm": ["npm http fetch GET 200 https://registry.npmjs.org/x 10ms"],
    "pip": ["Collecting flask", "Requirement already satisfied: x in y", "  Downloading flask-1.whl (1 kB)"],
    "docker": ["0123456789ab: Pull complete"],
}
STAYS = [
    "tests/test_a.py::test_two FAILED [ 20%]",
    "tests/test_a.py::test_error_page PASSED [ 10%]",
    "tests/test_a.py .F.. [ 20%]",
    "E   AssertionError: 1 != 2",
    "=== 3 failed, 20 passed in 0.12s ===",
    "=== 20 passed in 0.12s ===",
    "  ✕ subtracts numbers",
    "Tests:       1 failed, 9 passed, 10 total",
    "--- FAIL: TestB (0.00s)",
    "FAIL\texample.com/b\t0.01s",
    "test c ... FAILED",
    "test result: ok. 3 passed; 0 failed",
    "warning: unused variable",
    "[ERROR] BUILD FAILURE",
    "[INFO] Tests run: 3, Failures: 0",
    "> Task :app:test FAILED",
    "npm ERR! code ELIFECYCLE",
    "Successfully installed flask-1",
    "exit code: 1",
]


def applied(text: str) -> str:
    lines = text.split("\n")
    return marked(lines, noise.fine(lines), [False] * len(lines))


@pytest.mark.parametrize("tool", FINE)
def test_fine_lines_become_a_count(tool: str) -> None:
    lines = (FINE[tool] * 4)[:8]
    text = "\n".join(["start", *lines, *lines, "end"])
    made = applied(text)
    count = 2 * len(lines)
    assert made == f"start\n[... {count} lines of passing tests or finished steps left out]\nend"


@pytest.mark.parametrize("line", STAYS)
def test_trouble_and_summaries_stay(line: str) -> None:
    fine = FINE["pytest"][:1] * 5
    made = applied("\n".join([*fine, line, *fine]))
    mark = "[... 5 lines of passing tests or finished steps left out]"
    assert made == f"{mark}\n{line}\n{mark}"


def test_few_lines_stay() -> None:
    for text in ("\n".join(FINE["pytest"]), "anything\n" * 50):
        assert applied(text) == text
