"""Celery's tasks: parse the argument, call one service, return."""
