"""How this very program is called again, for hints that can be pasted."""

import shlex
import shutil
import sys
from pathlib import Path

NAME = "bifrost-cli"


def command() -> str:
    """`bifrost-cli` when a shell finds it, else the path it was started with."""
    if shutil.which(NAME):
        return NAME
    if Path(sys.argv[0]).name == NAME:
        return shlex.quote(sys.argv[0])
    return f"{shlex.quote(sys.executable)} -m app.cli.main"
