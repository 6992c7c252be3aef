"""The command line against its own documents."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from app.cli.exits import MEANING, WORST_FIRST, Exit
from app.cli.main import COMMANDS, cli

pytestmark = pytest.mark.house
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_page_is_up_to_date(generate):
    for name, page in generate.GENERATORS.items():
        assert generate.page(name).read_text(encoding="utf-8") == page(), f"run `make docs` for {name}"


def test_every_command_and_option_is_documented():
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    missing = [
        f"{context.command_path} {name}"
        for command, context in _leaves(cli, click.Context(cli, info_name="bifrost-cli"))
        for name in (f"### {context.command_path.removeprefix('bifrost-cli ')}", *_options(command))
        if name not in text
    ]
    assert missing == []


def test_every_option_of_every_command_says_what_it_does():
    silent = [
        f"{context.command_path} {parameter.name}"
        for command, context in _leaves(cli, click.Context(cli, info_name="bifrost-cli"))
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert silent == []


def test_the_summary_in_the_table_is_the_first_sentence_of_the_commands_help():
    for part in COMMANDS.values():
        for name, (_, summary) in part.items():
            command = cli.get_command(click.Context(cli), name)
            assert command
            assert command.help
            assert command.help.split("\n\n")[0] == summary, name


def test_every_exit_code_has_a_meaning():
    assert set(MEANING) == set(Exit)
    # a closed pipe ends the command at once, it is never one of several
    assert set(WORST_FIRST) == set(Exit) - {Exit.PIPE_CLOSED}


def test_the_help_imports_no_command():
    import subprocess

    names = "app.client app.settings requests rich pydantic sqlalchemy celery"
    code = (
        "import sys; from app.cli.main import cli; cli(['--help'], standalone_mode=False); "
        f"print([name for name in '{names}'.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "[]"


def _leaves(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child
        yield from _leaves(child, click.Context(child, info_name=name, parent=context))


def _options(command: click.Command) -> list[str]:
    return [text for parameter in command.params if isinstance(parameter, click.Option) for text in parameter.opts]
