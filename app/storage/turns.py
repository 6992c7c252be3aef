"""One process at a time, without a leader: an advisory lock that ends with its transaction."""

from sqlalchemy import Connection, text

STATISTICS = 0x42494601  # "BIF" and a number
RETENTION = 0x42494602
EVENTS = 0x42494603

_TRY = text("SELECT pg_try_advisory_xact_lock(:key)")
#: Longer than requests may take: nobody waits for this, and it holds no lock that others need.
_PATIENCE = text("SET LOCAL statement_timeout = '120s'")


def take_turn(connection: Connection, key: int) -> bool:
    """False: another process is at it. The turn ends with the transaction, however that ends."""
    if not connection.execute(_TRY, {"key": key}).scalar():
        return False
    connection.execute(_PATIENCE)
    return True
