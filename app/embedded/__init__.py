"""A real Redis-protocol server and a real PostgreSQL, from Python wheels: for one machine and for tests."""

from app.embedded.servers import EmbeddedServers

__all__ = ["EmbeddedServers"]
