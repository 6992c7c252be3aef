"""Hearing at once what a commit changed: one connection outside the pool that listens to NOTIFY."""

import select
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, cast

import psycopg2
from sqlalchemy import Engine

from app.domain.ports import StopRequest
from app.storage.engine import translated


class _Listener:
    """One channel. Connects on first use, and anew after an outage. Used by one thread."""

    channel: ClassVar[str]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: psycopg2.extensions.connection | None = None

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    def _heard(self, timeout: float) -> list[str] | None:
        """Payloads that came within `timeout` seconds; None when the connection broke. Raises `StorageUnavailable`."""
        with translated():
            connection = self._connection or self._listen()
        try:
            if select.select([connection], [], [], timeout)[0]:
                connection.poll()
        except (psycopg2.Error, OSError, ValueError):  # ValueError: closed by another thread meanwhile
            self.close()
            return None
        payloads = [notice.payload for notice in connection.notifies]
        connection.notifies.clear()
        return payloads

    def _listen(self) -> psycopg2.extensions.connection:
        raw = self._engine.raw_connection()
        connection = cast("psycopg2.extensions.connection", raw.driver_connection)
        raw.detach()  # it leaves the pool for good
        connection.set_session(autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {self.channel}")
        self._connection = connection
        return connection


class PostgresDueSignal(_Listener):
    """`ports.DueSignal`: the NOTIFY of a commit that made something due."""

    channel = "bifrost_due"

    def wait(self, timeout: float) -> bool:
        """Up to `timeout` seconds; True when something became due. Raises `StorageUnavailable`."""
        heard = self._heard(timeout)
        return heard is None or bool(heard)


class PostgresStopSignal(_Listener):
    """`ports.StopSignal`: the NOTIFY of a commit that asked a running analysis to end; its payload is `id:epoch`."""

    channel = "bifrost_stop"

    def listen(self) -> bool:
        """Connect when that is needed. True: it was, so something may have been missed."""
        if self._connection is not None:
            return False
        with translated():
            self._listen()
        return True

    def wait(self, timeout: float) -> Sequence[StopRequest]:
        """Up to `timeout` seconds; what was asked meanwhile. Raises `StorageUnavailable`."""
        return [_request(payload) for payload in self._heard(timeout) or ()]


def _request(payload: str) -> StopRequest:
    analysis_id, _, epoch = payload.partition(":")
    return StopRequest(analysis_id=int(analysis_id), epoch=int(epoch))
