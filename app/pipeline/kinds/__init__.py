"""Kinds of secrets and of personal data, as tables: where each one stands, and what it looks like."""
