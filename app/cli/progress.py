"""What happens meanwhile, on standard error: a spinner on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.cli.output import note

_LONGEST_TITLE = 40


class Progress:
    """Shows one activity at a time. `lines`: each change gets a line of its own that stays."""

    def __init__(self, *, lines: bool = False) -> None:
        self._lines = lines
        self._terminal = sys.stderr.isatty()

    @contextmanager
    def activity(self, title: str) -> Iterator[Callable[[str], None]]:
        """While open, the function yielded shows how far it is."""
        if not self._terminal:
            yield (lambda state: note(f"{title}: {state}")) if self._lines else _nothing
            return
        from rich.console import Console
        from rich.progress import Progress as Bar
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Bar(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
            task = bar.add_task(_short(title))

            def tell(state: str) -> None:
                bar.update(task, description=f"{_short(title)}: {state}")
                if self._lines:
                    bar.console.print(f"{title}: {state}", markup=False)

            yield tell


def _short(title: str) -> str:
    """The end of a long path tells more than its start."""
    return title if len(title) <= _LONGEST_TITLE else f"…{title[1 - _LONGEST_TITLE :]}"


def _nothing(_: str) -> None:
    """Nobody watches."""
