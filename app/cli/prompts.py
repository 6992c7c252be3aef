"""`prompts`: what models are told before they read a log."""

from collections.abc import Mapping
from pathlib import Path

import click

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import Stop
from app.cli.options import choice
from app.cli.prompt_files import export, import_, read_text
from app.cli.prompt_tables import PROMPTS, TALLIES, VERSIONS, prompt_row, tally_row, version_row
from app.client import NewVersion, PromptVersion
from app.domain.analyses import Language
from app.domain.stored_prompts import LATEST, PRODUCTION, PromptWish

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the API's objects, one on each line.")
_NAME = click.argument("name")


class Weight(click.ParamType[tuple[str, int]]):
    """`label=weight`."""

    name = "label=weight"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """As a pair."""
        label, equals, weight = str(value).partition("=")
        if not (label and equals and weight.isascii() and weight.isdigit()):
            self.fail(f"{str(value)!r} is not LABEL=WEIGHT, such as production=90", param, ctx)
        return label, int(weight)


@click.group()
def prompts() -> None:
    """List, store, label, share out and count what models are told, and keep it as files.

    \b
      bifrost-cli prompts create triage --en triage.txt --label candidate
      bifrost-cli submit app.log --prompt triage@candidate --wait
      bifrost-cli prompts split triage production=90 candidate=10
      bifrost-cli prompts stats triage
      bifrost-cli prompts label triage production 2
    """  # noqa: D301 - \b is click's: keep the lines


@prompts.command("list")
@_JSON
def list_(*, as_json: bool) -> None:
    """List the prompts of the project."""
    found = connect().prompts.list()
    if as_json:
        for one in found:
            output.json_line(one.raw)
    else:
        output.table(PROMPTS, [prompt_row(one) for one in found])


@prompts.command()
@click.argument("wanted", metavar="NAME[@LABEL]")
@click.option("--language", type=choice(Language), help="Print this text only [default: all of them].")
@_JSON
def show(*, wanted: str, language: str | None, as_json: bool) -> None:
    """Show the text of a version, by its number or label.

    \b
      bifrost-cli prompts show default
      bifrost-cli prompts show triage@3 --language ko > triage.txt
    """  # noqa: D301 - \b is click's: keep the lines
    wish = PromptWish.parse(wanted)
    if wish is None:
        raise click.UsageError(f"{wanted!r} is no prompt: write NAME, NAME@LABEL or NAME@3.")
    remote = connect().prompts
    if wish.version is None and wish.label is None:
        head = remote.get(wish.name)
        found = remote.version(wish.name, PRODUCTION if PRODUCTION in head.labels else LATEST)
    else:
        found = remote.version(wish.name, str(wish.label if wish.version is None else wish.version))
    if as_json:
        output.json_line(found.raw)
    elif language is None:
        _texts(found)
    elif language not in found.texts:
        raise Stop(f"{found.name}@{found.version} has no text in {language}: there is {', '.join(found.texts)}.")
    else:
        click.echo(output.verbatim(found.texts[language]))


@prompts.command()
@_NAME
@_JSON
def versions(*, name: str, as_json: bool) -> None:
    """List the versions of a prompt, newest first."""
    remote = connect().prompts
    found = remote.versions(name)
    if as_json:
        for one in found:
            output.json_line(one.raw)
        return
    labels = remote.get(name).labels
    output.table(VERSIONS, [version_row(one, labels) for one in found])


@prompts.command()
@_NAME
@click.option("--en", type=click.Path(path_type=Path, dir_okay=False), help="File with the English text.")
@click.option("--ko", type=click.Path(path_type=Path, dir_okay=False), help="File with the Korean text.")
@click.option("--description", default="", metavar="TEXT", help="What is new, for people.")
@click.option("--max-output-tokens", type=click.IntRange(min=1), help="Tokens the answer may have.")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Move this label to it; repeatable.")
@_JSON
def create(*, name: str, en: Path | None, ko: Path | None, as_json: bool, **given: object) -> None:
    """Store the next version of a prompt.

    A text may name {{service_name}}, {{environment}}, {{analysis_type}} and {{language}}. How to read the log, that it
    is data, and how to answer is always added to it. The same text again is no new version.

    \b
      bifrost-cli prompts create triage --en triage.txt --ko triage.ko.txt --label candidate
    """  # noqa: D301 - \b is click's: keep the lines
    files = {language: path for language, path in (("en", en), ("ko", ko)) if path is not None}
    if not files:
        raise click.UsageError("Name a file with the text: --en FILE, --ko FILE, or both.")
    texts = {language: read_text(path) for language, path in files.items()}
    stored = connect().prompts.create(NewVersion(name=name, texts=texts, **given))  # type: ignore[arg-type]  # click's options, by name
    if as_json:
        output.json_line(stored.version.raw)
        return
    output.result(f"{stored.version.name}@{stored.version.version}")
    if not stored.new:
        output.note("It was there already: the newest version says the same.")


@prompts.command()
@_NAME
@click.argument("label")
@click.argument("version", type=click.IntRange(min=0), required=False)
@click.option("--remove", is_flag=True, help="Take the label away.")
def label(*, name: str, label: str, version: int | None, remove: bool) -> None:
    """Move a label to a version.

    New analyses use it at once. `production` is what is used when a name comes without a label.

    \b
      bifrost-cli prompts label triage production 3
      bifrost-cli prompts label triage candidate --remove
    """  # noqa: D301 - \b is click's: keep the lines
    if (version is None) != remove:
        raise click.UsageError("Give either a version or --remove.")
    remote = connect().prompts
    if version is None:
        remote.unlabel(name, label)
        output.note(f"{name} has no label {label} any more.")
    else:
        remote.label(name, label, version)
        output.note(f"{name}@{label} is version {version}.")


@prompts.command()
@_NAME
@click.argument("weights", nargs=-1, type=Weight(), metavar="[LABEL=WEIGHT]...")
@click.option("--off", is_flag=True, help="End it: all get `production` again.")
def split(*, name: str, weights: tuple[tuple[str, int], ...], off: bool) -> None:
    """Share a prompt out between two labels, by weight.

    For whoever names it without a label. A service always gets the same one.

    \b
      bifrost-cli prompts split triage production=90 candidate=10
      bifrost-cli prompts split triage --off
    """  # noqa: D301 - \b is click's: keep the lines
    if bool(weights) == off:
        raise click.UsageError("Give either two LABEL=WEIGHT or --off.")
    remote = connect().prompts
    if off:
        remote.unsplit(name)
        output.note(f"{name} is not shared out any more.")
    else:
        remote.split(name, dict(weights))
        output.note(f"{name} is shared out: {', '.join(f'{one}={weight}' for one, weight in weights)}.")


@prompts.command()
@_NAME
@_JSON
def stats(*, name: str, as_json: bool) -> None:
    """Show what became of each version of a prompt, and what people said.

    Seconds of completed analyses, tokens of prompts and answers together. Some seconds old.
    """
    found = connect().prompts.statistics(name)
    listed = found.get("versions")
    rows = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    if as_json:
        output.json_line(found)
    elif rows:
        output.table(TALLIES, [tally_row(one) for one in rows])
    else:
        output.note("No analysis that used it has ended yet.")


@prompts.command()
@_NAME
def delete(*, name: str) -> None:
    """Delete a prompt: no new analysis finds it.

    Analyses that use it still do; made again, it goes on with the next version.
    """
    connect().prompts.delete(name)
    output.note(f"{name} is deleted.")


def _texts(version: PromptVersion) -> None:
    for number, (language, text) in enumerate(version.texts.items()):
        output.note(f"{'' if number == 0 else chr(10)}── {version.name}@{version.version} {language} ──")
        click.echo(output.verbatim(text))


prompts.add_command(export)
prompts.add_command(import_)
