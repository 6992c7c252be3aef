"""What people say of diagnoses."""

import structlog

from app.domain.errors import AnalysisNotFound, NotFound, NothingToRate
from app.domain.storage_ports import UnitOfWork
from app.domain.stored_prompts import Feedback, Rating

log = structlog.get_logger(__name__)


class Feedbacks:
    """Rate, and look."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    def rate(self, project_id: int, analysis_id: int, rating: Rating, comment: str | None) -> Feedback:
        """The last word counts. Raises `AnalysisNotFound`, and `NothingToRate` when it is not completed."""
        with self._unit_of_work() as tx:
            said = tx.feedbacks.rate(project_id, analysis_id, rating, comment)
            if said is None:
                raise AnalysisNotFound if tx.analyses.get(project_id, analysis_id) is None else NothingToRate
        log.info("analysis_rated", analysis_id=analysis_id, rating=rating.value)
        return said

    def get(self, project_id: int, analysis_id: int) -> Feedback:
        """What was said last. Raises `AnalysisNotFound`, and `NotFound` when nobody has said anything."""
        with self._unit_of_work() as tx:
            said = tx.feedbacks.get(project_id, analysis_id)
            if said is None and tx.analyses.get(project_id, analysis_id) is None:
                raise AnalysisNotFound
        if said is None:
            raise NotFound("Nobody has said anything of this analysis.")
        return said
