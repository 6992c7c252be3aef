"""All that a Bifrost keeps, as text: every column of every table, but the submitted logs themselves."""

from collections.abc import Iterator
from contextlib import suppress

import zstandard

from tests.support.stacks import Running

#: Where a log stands as it was submitted, for whoever may read the analysis, and records that could not be accepted.
AS_SUBMITTED = frozenset(
    {
        ("analysis_results", "log_content"),
        ("analysis_results", "log_zstd"),
        ("dead_letters", "key"),
        ("dead_letters", "value"),
        ("dead_letters", "headers"),
    }
)
_COLUMNS = """SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')"""


def kept(running: Running) -> Iterator[tuple[str, str]]:
    """(`table.column`, text) of every column, its values one below the other."""
    for table, column, kind in running.rows(_COLUMNS):
        if (table, column) in AS_SUBMITTED:
            continue
        cast = "" if kind == "bytea" else "::text"
        values = running.rows(f'SELECT "{column}"{cast} FROM "{table}" WHERE "{column}" IS NOT NULL')  # noqa: S608 - names from the catalog
        texts = (_text(bytes(value)) if kind == "bytea" else value for (value,) in values)
        yield f"{table}.{column}", "\n".join(texts)


def _text(data: bytes) -> str:
    with suppress(zstandard.ZstdError):
        data = zstandard.decompress(data)
    return data.decode("utf-8", "replace")
