"""`?wait=`: an answer that is held until an analysis has ended."""

from flask import request

from app.api.admission import aside
from app.api.context import container
from app.domain.analyses import Analysis

#: For the OpenAPI document.
WAIT = {
    "in": "query",
    "name": "wait",
    "required": False,
    "schema": {"type": "number", "minimum": 0, "maximum": 60},
    "description": "Seconds to hold the answer, at most, until the analysis has ended.",
}


def ended(analysis: Analysis, seconds: float) -> Analysis:
    """The analysis when it has ended, or as it stands after so many seconds. Others are worked on meanwhile."""
    with aside(request.environ):
        return container().waiting.until_ended(analysis, seconds)
