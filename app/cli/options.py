"""The options that `submit`, `local` and `cloud` share, and what they mean together."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from app.cli.show import FORMATS
from app.client import SubmitOptions
from app.domain.analyses import CacheMode, Language, Mask, Priority
from app.domain.deliveries import WebhookFormat
from app.domain.diagnoses import Severity

P = ParamSpec("P")
R = TypeVar("R")
#: An unbounded wait would hang a pipeline.
WAIT_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What the command line asks for."""

    options: SubmitOptions
    wait: bool
    follow: bool
    format_: str
    fail_on: str | None
    timeout: float
    idempotency_key: str | None
    step_summary: Path | None
    dry_run: bool = False
    #: What the log is called, where its own name tells nothing.
    file: str | None = None


def choice(values: Iterable[str]) -> click.Choice[str]:
    """One of these, however it is written; lower case in the help."""
    return click.Choice([value.lower() for value in values], case_sensitive=False)


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> Mapping[str, object]:
    if wrong := [value for value in values if not value.partition("=")[0] or "=" not in value]:
        raise click.BadParameter(f"{wrong[0]!r} is not KEY=VALUE")
    return dict(value.split("=", 1) for value in values)


def _header(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An empty one would be no key at all, and the log be analyzed twice."""
    if value is not None and not (value.strip() and value.isascii() and value.isprintable()):
        raise click.BadParameter("must be printable ASCII characters, at least one")
    return value and value.strip()


class Seconds(click.FloatRange):
    """A number of seconds. What is not a number at all passes every comparison."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As a float."""
        found = super().convert(value, param, ctx)
        if isnan(found):
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


#: How to wait and how to show, for every command that shows results.
RESULT_OPTIONS = (
    click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        help="How to print the result [default: plain]. `json` is the API's object on one line; `sarif` is one "
        "document for all of them, for code scanning.",
    ),
    click.option(
        "--file",
        metavar="NAME",
        help="The log's path for `github` and `sarif`, when it came from a pipe or is long stored; for a single log.",
    ),
    click.option(
        "--fail-on", type=choice(Severity), help="Wait, and exit with 4 when an issue is this severe, or worse."
    ),
    click.option(
        "--timeout",
        type=Seconds(min=0),
        show_default=False,
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help=f"Wait at most this long, for all together; the analyses go on after it [default: {WAIT_SECONDS:g}].",
    ),
    click.option(
        "--step-summary",
        metavar="FILE",
        envvar="GITHUB_STEP_SUMMARY",
        type=click.Path(path_type=Path, dir_okay=False),
        help="With `--format github`: append Markdown to this file [env: GITHUB_STEP_SUMMARY].",
    ),
)
#: How logs shall be analyzed, for every command that submits some.
_ASKING_OPTIONS = (
    click.option("--service", metavar="NAME", help="The service that wrote the log."),
    click.option("--env", metavar="NAME", help="Where it runs: production, staging, …"),
    click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag; repeatable."),
    click.option("--priority", type=choice(Priority.__members__), help="Which of two waiting analyses goes first."),
    click.option("--model", metavar="NAME", help="Another model than the server's default."),
    click.option("--prompt", metavar="NAME[@LABEL]", help="A stored prompt; see `prompts list` [default: default]."),
    click.option("--language", type=choice(Language), help="Language of the diagnosis."),
    click.option(
        "--mask",
        type=choice(Mask),
        help="Hide from the model: public IP addresses, or all and host names [default: the server's setting].",
    ),
    click.option(
        "--cache",
        type=choice(CacheMode),
        help="Which earlier answer will do: one to the same log, also one to a log with the same warnings and errors "
        "(`similar`), or none (`off`: ask anew) [default: exact].",
    ),
    click.option(
        "--metadata", metavar="KEY=VALUE", multiple=True, callback=_pairs, help="Kept with the analysis; repeatable."
    ),
    click.option("--webhook", metavar="URL", help="Have the server send the result there, too."),
    click.option(
        "--webhook-format",
        type=choice(WebhookFormat),
        help="What is sent there: the analysis, or a message for Slack [default: standard].",
    ),
)
_SUBMIT_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Tell who would be asked, what would be read and what it would cost."),
    click.option("--follow", is_flag=True, help="Wait, and tell each change of state on standard error."),
    *RESULT_OPTIONS,
    *_ASKING_OPTIONS,
    click.option(
        "--idempotency-key",
        metavar="KEY",
        callback=_header,
        help="The same key and log give the same analysis; for a single log.",
    ),
    click.argument("logs", nargs=-1, metavar="[FILE|DIRECTORY|-]..."),
)


def with_options(*options: Callable[[Callable[P, R]], Callable[P, R]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Several options as one decorator, in the order of the help."""

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


submit_options = with_options(*_SUBMIT_OPTIONS)
result_options = with_options(*RESULT_OPTIONS)
asking_options = with_options(*_ASKING_OPTIONS)


def order(given: Mapping[str, Any], *, source: str | None, wait: bool) -> Order:
    """`given`: the shared options by name. Whatever needs a result waits for it."""
    format_, fail_on, follow = given["format_"], given["fail_on"], given["follow"]
    return Order(
        options=asked(given, source=source),
        wait=wait or follow or fail_on is not None or format_ not in {None, "json"},
        follow=follow,
        format_=format_ or "plain",
        fail_on=fail_on,
        timeout=given["timeout"],
        idempotency_key=given["idempotency_key"],
        step_summary=given["step_summary"],
        dry_run=given["dry_run"],
        file=given["file"],
    )


def asked(given: Mapping[str, Any], *, source: str | None) -> SubmitOptions:
    """`given`: `asking_options` by name."""
    return SubmitOptions(
        source=source,
        model=given["model"],
        service_name=given["service"],
        environment=given["env"],
        priority=given["priority"].upper() if given["priority"] else None,
        tags=given["tags"],
        prompt=given["prompt"],
        language=given["language"],
        mask=given["mask"],
        cache=given["cache"],
        metadata=given["metadata"],
        webhook_url=given["webhook"],
        webhook_format=given["webhook_format"],
    )
