"""An answer to another log of the same incident, taken over when its quotes hold in this one."""

from dataclasses import dataclass, replace

import structlog

from app import telemetry
from app.domain.analyses import CacheMode, Claim, Conclusion, Status
from app.domain.likenesses import Earlier
from app.domain.logs import PreparedLog
from app.domain.prompts import Usage
from app.domain.storage_ports import UnitOfWork
from app.pipeline.grounding import Grounded
from app.pipeline.likeness import likeness_key, likeness_of
from app.pipeline.recalling import recall
from app.pipeline.rendering import markdown

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallPolicy:
    """See `app.settings.Cache` for meaning and defaults."""

    #: Seconds; 0: never.
    max_age: float
    #: Share of an answer's evidence that must hold.
    least_evidence: float


class Recalling:
    """Looks for such an answer, for whoever wants one."""

    def __init__(self, unit_of_work: UnitOfWork, policy: RecallPolicy) -> None:
        self._unit_of_work = unit_of_work
        self._policy = policy

    def recall(self, claim: Claim, prepared: PreparedLog) -> Conclusion | None:
        """The end of an analysis without asking anybody; None when none is wanted, there, or good enough."""
        if claim.cache is not CacheMode.SIMILAR or claim.question_key is None or not self._policy.max_age:
            return None
        key = likeness_key(prepared)
        if key is None:
            telemetry.count_cache_lookup("similar", "unknown")
            return None
        with self._unit_of_work.single() as tx:
            found = tx.likenesses.find(claim.question_key, key, max_age=self._policy.max_age)
        for earlier in found:
            grounded = recall(earlier, prepared, least=self._policy.least_evidence)
            if grounded is not None:
                log.info("answer_taken_over", cached_from=earlier.analysis_id, dropped=grounded.dropped)
                telemetry.count_cache_lookup("similar", "hit")
                return _conclusion(claim, prepared, earlier, grounded)
        telemetry.count_cache_lookup("similar", "unsupported" if found else "miss")
        return None


def _conclusion(claim: Claim, prepared: PreparedLog, earlier: Earlier, grounded: Grounded) -> Conclusion:
    coverage = replace(
        prepared.coverage,
        # no prompt was written
        tokens_estimated=0,
        evidence_cited=grounded.cited,
        evidence_dropped=grounded.dropped,
        similar_to=earlier.analysis_id,
    )
    return Conclusion(
        status=Status.COMPLETED,
        provider=earlier.provider,
        model=earlier.model,
        diagnosis=grounded.diagnosis,
        response=markdown(grounded.diagnosis, coverage, language=claim.language),
        coverage=coverage,
        usage=Usage(),
        cached_from=earlier.analysis_id,
        likeness=likeness_of(grounded.diagnosis.evidence, prepared),
    )
