from click.testing import CliRunner

from tailrace.cli import main
from tailrace.sim import FAULTS


def test_faults_are_listed():
    result = CliRunner().invoke(main, ["sim", "--faults"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [name.split()[0] for name in FAULTS]
    assert all(line.endswith(what) for line, what in zip(lines, FAULTS.values(), strict=True))


def test_ports_are_ports():
    assert CliRunner().invoke(main, ["sim", "--port", "70000"]).exit_code == 2
