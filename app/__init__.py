"""Bifrost: a log goes in, a grounded diagnosis comes out."""

__version__ = "0.1.0"
