"""The provider that reads without a model: a catalog of failure signatures, kept as data, and the logic to weigh."""

from app.providers.rules.provider import Rules

__all__ = ["Rules"]
