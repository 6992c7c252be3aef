"""Moves what PostgreSQL says is due: jobs to Celery, leases and deadlines to their end, events
to their receivers.
"""
