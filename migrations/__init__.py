"""Numbered Alembic revisions, forward and backward, shipped with the package."""
