"""Accepted analyses: their ids, the wait for them, their results, and how the command ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.cli import output
from app.cli.exits import Exit
from app.cli.options import Order
from app.cli.progress import Progress
from app.cli.show import NAMES_ITS_FILE, code_of, sarif_of, show, summary_markdown
from app.cli.terminating import terminable
from app.cli.words import standing
from app.client import Client, ClientError, RemoteAnalysis, WaitTimeout
from app.clock import SystemClock


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """An accepted log."""

    name: str
    analysis: RemoteAnalysis


@dataclass(kw_only=True, slots=True)
class Results:
    """What was accepted, in order."""

    client: Client
    order: Order
    #: More than one log was named, so each result tells which is its own.
    several: bool
    #: Only the first one in full, for the person who looks at many.
    brief: bool = False
    sent: list[Sent] = field(default_factory=list)
    #: Ids of which nothing was shown yet.
    open_ids: list[int] = field(default_factory=list)
    #: Analyses and the names of their logs, for a format that tells of all of them in one document.
    together: list[tuple[RemoteAnalysis, str]] = field(default_factory=list)
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(lines=self.order.follow)

    def add(self, name: str, analysis: RemoteAnalysis) -> None:
        """One more."""
        self.sent.append(Sent(name=self.order.file or name, analysis=analysis))
        self.open_ids.append(analysis.id)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """When it ends early, also by SIGTERM, say how to come back to what was accepted."""
        try:
            with terminable():
                yield
        except (KeyboardInterrupt, ClientError):
            if self.open_ids:
                output.note(f"\nAccepted, and going on. Come back with: bifrost-cli result --wait {self._ids()}")
            raise

    def accepted(self) -> list[Exit]:
        """Print the ids, or the objects, without waiting."""
        for one in self.sent:
            if self.order.format_ == "json":
                output.json_line(one.analysis.raw)
            else:
                output.result(str(one.analysis.id))
        if self.sent and sys.stderr.isatty():
            output.note(f"See what was found with: bifrost-cli result --wait {self._ids()}")
        return [Exit.DONE]

    def wait(self) -> list[Exit]:
        """Print each result, in order, as soon as it is there. They run side by side meanwhile."""
        clock = SystemClock()
        until = clock.monotonic() + self.order.timeout
        # only the first unfinished one is asked for: few requests, however many logs
        codes = [self._one(one, max(0.0, until - clock.monotonic())) for one in self.sent]
        if self.order.format_ == "sarif" and self.sent:
            output.command(sarif_of(self.together).rstrip("\n"))
        return codes

    def _ids(self) -> str:
        return " ".join(map(str, self.open_ids))

    def _one(self, one: Sent, seconds: float) -> Exit:
        try:
            analysis = self._finished(one, seconds)
        except WaitTimeout as error:
            output.warn(
                f"{_named(one)} is still {error.analysis.status}{self._after()}; it goes on."
                f" Come back with: bifrost-cli result --wait {one.analysis.id}"
            )
            self.together.append((error.analysis, one.name))
            return Exit.NOT_FINISHED
        named = self.several or self.order.format_ in NAMES_ITS_FILE
        if self.order.format_ in {"plain", "markdown"} and one is not self.sent[0] and not sys.stdout.isatty():
            output.result("")
        if self.brief and one is not self.sent[0]:
            from app.cli.brief import draw_briefly

            draw_briefly(analysis, name=one.name)
        elif self.order.format_ == "sarif":
            self.together.append((analysis, one.name))
        else:
            show(analysis, name=one.name if named else "", format_=self.order.format_)
        self.open_ids.remove(analysis.id)
        if self.order.step_summary and self.order.format_ == "github":
            self._summarize(analysis, one.name, self.order.step_summary)
        return code_of(analysis, self.order.fail_on)

    def _after(self) -> str:
        """All logs share the time, so each of them waited that long."""
        return f" after {self.order.timeout:g} s" if self.order.timeout else ""

    def _summarize(self, analysis: RemoteAnalysis, name: str, path: Path) -> None:
        """What was found counts for more than a page that cannot be written."""
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(summary_markdown(analysis, name) + "\n")
        except OSError as error:
            output.warn(f"{path}: the summary cannot be written: {error.strerror}")

    def _finished(self, one: Sent, seconds: float) -> RemoteAnalysis:
        if one.analysis.finished:
            return one.analysis
        with self.progress.activity(_named(one)) as tell:
            self.client.on_pause(lambda why, pause: tell(f"{why}, again in {pause:.1f} s"))
            return self.client.wait(
                one.analysis.id, timeout=seconds, on_change=lambda analysis: tell(standing(analysis))
            )


def _named(one: Sent) -> str:
    """Its log and its id, or only the id when no log is known."""
    analysis = f"analysis {one.analysis.id}"
    return analysis if one.name == analysis else f"{one.name}: {analysis}"
