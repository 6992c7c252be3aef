"""`completion` in the shells it is for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import COMMANDS, cli

pytestmark = pytest.mark.integration

SHELLS = ("bash", "zsh", "fish")
BIN = Path(sys.executable).parent
#: What a shell runs to complete the last word of a line.
ASK = {
    "bash": "COMP_WORDS=({words}); COMP_CWORD={last}; _bifrost_cli_completion bifrost-cli; "
    "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "fish": "complete --do-complete '{line}'",
}


def script(shell: str) -> str:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    return result.stdout


def run(shell: str, text: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    environ = {"PATH": f"{BIN}:/usr/bin:/bin", "TERM": "dumb"}
    return subprocess.run([shell, "-c", text], env=environ, capture_output=True, text=True, timeout=60, check=False)


def completed(shell: str, line: str) -> list[str]:
    """What the shell offers for the last word of this line."""
    words = [*line.split(), *([""] if line.endswith(" ") else [])]
    quoted = " ".join(f"'{word}'" for word in words)
    ask = ASK[shell].format(words=quoted, last=len(words) - 1, line=line)
    done = run(shell, f"{script(shell)}\n{ask}")
    assert done.returncode == 0, done.stderr
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_can_read_its_script(shell):
    done = run(shell, f"{'autoload -U compinit; compinit -D 2>/dev/null' if shell == 'zsh' else ''}\n{script(shell)}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_program_that_is_installed(shell):
    assert "_BIFROST_CLI_COMPLETE" in script(shell)
    assert "bifrost-cli" in script(shell)


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_commands_options_and_choices_are_completed(shell):
    assert "submit" in completed(shell, "bifrost-cli sub")
    assert {"list", "redeliver"} <= set(completed(shell, "bifrost-cli webhooks "))
    assert "--webhook-format" in completed(shell, "bifrost-cli submit --web")
    assert {"standard", "slack"} <= set(completed(shell, "bifrost-cli submit --webhook-format "))


def test_every_command_of_the_table_is_completed():
    offered = completed("bash", "bifrost-cli ")
    assert {name for part in COMMANDS.values() for name in part} <= set(offered)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_program_answers_as_the_shells_script_asks_also_where_that_shell_is_not(shell):
    asked = {"zsh": {"COMP_WORDS": "bifrost-cli web", "COMP_CWORD": "1"}, "fish": {"COMP_WORDS": "bifrost-cli web"}}
    environ = {"_BIFROST_CLI_COMPLETE": f"{shell}_complete", "COMP_CWORD": "web", **asked[shell]}
    program = [str(BIN / "bifrost-cli")]
    done = subprocess.run(program, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "webhooks" in done.stdout


def test_another_shell_is_refused_with_those_there_are():
    result = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr
