"""`config`: the settings in effect."""

import re
from collections.abc import Iterator, Mapping

import click
from pydantic import BaseModel, SecretStr

from app.cli import output
from app.settings import load

_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")


@click.group()
def config() -> None:
    """Show the effective settings."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, as_json: bool) -> None:
    """Show every setting, secrets masked.

    What the environment or the file say is marked with `*`; the rest are defaults.
    """
    found = list(_flat(load(), "", given=True))
    if as_json:
        output.json_line({name: value for name, value, _ in found})
        return
    rows = [("*" if given else " ", name, _text(value)) for name, value, given in found]
    output.table(("", "SETTING", "VALUE"), rows)


def _flat(section: BaseModel, path: str, *, given: bool) -> Iterator[tuple[str, object, bool]]:
    """Name, value, and whether somebody set it."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        is_set = given and name in section.model_fields_set
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{path}{name}.", given=is_set)
        else:
            yield f"{path}{name}", _masked(value), is_set


def _masked(value: object) -> object:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        # of an address, all but the password helps
        return _PASSWORD.sub(r"\1:***@", secret) if "://" in secret else "***"
    if isinstance(value, Mapping):
        return [f"{name}=***" for name in sorted(value)]
    if isinstance(value, str):
        return _PASSWORD.sub(r"\1:***@", value)
    return list(value) if isinstance(value, tuple) else value if isinstance(value, int | float | None) else str(value)


def _text(value: object) -> str:
    if value is None or value == []:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
