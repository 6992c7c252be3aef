"""`completion`: what a shell needs to complete our commands and options."""

import click
from click.shell_completion import BashComplete, get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "bifrost-cli"
#: Where click looks for its instructions, by the program's name.
_VARIABLE = "_BIFROST_CLI_COMPLETE"


_HELP = """Print the script that lets a shell complete commands and options.

\b
  eval "$(bifrost-cli completion bash)"        in ~/.bashrc; bash 4.4 or newer
  eval "$(bifrost-cli completion zsh)"         in ~/.zshrc, after compinit
  bifrost-cli completion fish | source         in ~/.config/fish/config.fish
"""


@click.command(help=_HELP)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(*, shell: str) -> None:
    """The command."""
    root = click.get_current_context().find_root().command
    made = get_completion_class(shell)
    assert made is not None, "click knows all of them"
    script = made(root, {}, _PROGRAM, _VARIABLE)
    # click would first start a bash to ask for its version, which need not be where this runs
    text = script.source_template % script.source_vars() if isinstance(script, BashComplete) else script.source()
    click.echo(text)
