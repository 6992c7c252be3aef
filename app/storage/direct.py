"""One statement, one round trip: the driver's own cursor, for what is done for every analysis."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import psycopg2
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from psycopg2.extras import NamedTupleCursor
from sqlalchemy import Engine, TextClause
from sqlalchemy.dialects.postgresql.psycopg2 import dialect

#: A prepared statement is prepared anew after this many uses.
_USES = 500
_NEVER = -1


class Rows:
    """What the repositories ask of a result."""

    def __init__(self, rows: Sequence[Any], count: int) -> None:
        self._rows = rows
        #: Rows returned or changed.
        self.rowcount = count

    def __iter__(self) -> Iterator[Any]:
        """Each row; columns are its attributes."""
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        """Each row."""
        return self._rows

    def first(self) -> Any:
        """The first row; None without one."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """The only row."""
        [row] = self._rows
        return row

    def scalar(self) -> Any:
        """The first column of the first row; None without one."""
        return self._rows[0][0] if self._rows else None

    def scalars(self) -> "Rows":
        """The first column of each row."""
        return Rows([row[0] for row in self._rows], self.rowcount)


class DirectConnection:
    """Looks to the repositories like a connection of SQLAlchemy's; each `execute` is a transaction of its own.

    A statement may be several, divided by `;`: they are one transaction and one round trip, each sees what was
    committed when it began, and the rows are those of the last, which is prepared once for many uses: PostgreSQL
    derives each parameter's type from where it stands first, so arithmetic with one needs a CAST.
    """

    def __init__(self, connection: psycopg2.extensions.connection, prepared: dict[str, int]) -> None:
        self._connection = connection
        #: Name of each statement this connection has prepared -> how often it was used since.
        self._prepared = prepared

    def execute(self, statement: TextClause, values: Mapping[str, Any] | None = None) -> Rows:
        """Run and commit."""
        made = _made(statement)
        with self._connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
            try:
                self._run(cursor, self._words(made), values)
            except (InvalidSqlStatementName, DuplicatePreparedStatement):
                # a pooler handed us another session: do without, on this connection
                self._prepared[made.name] = _NEVER
                self._run(cursor, made.plain, values)
            return Rows(cursor.fetchall() if cursor.description else (), cursor.rowcount)

    @staticmethod
    def _run(cursor: NamedTupleCursor, words: str, values: Mapping[str, Any] | None) -> None:
        cursor.execute(words, values or {})  # type: ignore[no-untyped-call]  # the library leaves it so

    def _words(self, made: "_Made") -> str:
        uses = self._prepared.get(made.name, 0)
        if uses == _NEVER:
            return made.plain
        self._prepared[made.name] = uses % _USES + 1
        if uses % _USES:
            return made.execute
        # once more from time to time: a plan made for a small table is a bad one for a large one
        return f"{'DEALLOCATE ' + made.name + ';' if uses else ''}{made.prepare};{made.execute}"


@contextmanager
def direct(engine: Engine) -> Iterator[DirectConnection]:
    """A connection of the pool. The first error of a lost one throws the whole pool away, as SQLAlchemy does."""
    pooled = engine.raw_connection()
    connection = cast("psycopg2.extensions.connection", pooled.driver_connection)
    try:
        connection.autocommit = True
        yield DirectConnection(connection, pooled.info.setdefault("prepared", {}))
    except psycopg2.Error as error:
        if connection.closed or engine.dialect.is_disconnect(error, connection, None):  # type: ignore[arg-type]  # the driver's own
            pooled.invalidate(error)
            engine.dispose()
        raise
    finally:
        if pooled.is_valid:
            connection.autocommit = False
            pooled.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """How a statement is prepared under a name of its own, and executed after what comes before it."""

    name: str
    plain: str
    prepare: str
    execute: str


@cache
def _made(statement: TextClause) -> _Made:
    """`:name` becomes a numbered parameter, filled in by the driver's `%(name)s`."""
    plain = str(statement.compile(dialect=_DIALECT))
    *before, last = plain.split(";")
    names = list(dict.fromkeys(_PARAMETER.findall(last)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", last)
    name = f"bifrost_{hashlib.sha256(numbered.encode()).hexdigest()[:16]}"
    values = f" ({', '.join(f'%({each})s' for each in names)})" if names else ""
    return _Made(
        name=name,
        plain=plain,
        prepare=f"PREPARE {name} AS {numbered}",
        execute=";".join((*before, f"EXECUTE {name}{values}")),
    )


_PARAMETER = re.compile(r"%\((\w+)\)s")
_DIALECT = dialect()  # type: ignore[no-untyped-call]  # the library leaves it so
