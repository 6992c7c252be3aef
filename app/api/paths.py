"""Ids in paths."""

import re

from app import telemetry
from app.api import cursors
from app.domain.errors import AnalysisNotFound, BatchNotFound

_ID = re.compile(r"[1-9][0-9]{0,18}")


def analysis_id(text: str) -> int:
    """What is not an id is the id of nothing. Raises `AnalysisNotFound`."""
    if not _ID.fullmatch(text) or int(text) > cursors.MAX_ID:
        raise AnalysisNotFound
    telemetry.bind(analysis_id=int(text))
    return int(text)


def batch_id(text: str) -> int:
    """The same, of a batch. Raises `BatchNotFound`."""
    if not _ID.fullmatch(text) or int(text) > cursors.MAX_ID:
        raise BatchNotFound
    telemetry.bind(batch_id=int(text))
    return int(text)
