"""One provider, one prepared log, one diagnosis: ask, read the answer, re-ask once, ground it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from app.domain.analyses import Claim, Failure
from app.domain.diagnoses import Coverage, Diagnosis
from app.domain.errors import AnswerMalformed, AnswerTruncated, PromptTooLong
from app.domain.logs import PreparedLog
from app.domain.ports import Provider, Watch
from app.domain.prompts import Completion, Prompt, Usage
from app.pipeline.decoding import clean
from app.pipeline.grounding import ground
from app.pipeline.interpretation import Answer, interpret
from app.pipeline.prompting import build_prompt, reask
from app.pipeline.rendering import markdown
from app.services.routing import RULES

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A provider's grounded answer, and what it cost."""

    provider: str
    model: str
    diagnosis: Diagnosis
    response: str
    coverage: Coverage
    usage: Usage
    #: Why less was read than could have been: a call of several failed.
    shortfall: Failure | None = None


class Asking:
    """Turns a prepared log into a diagnosis by one provider."""

    def __init__(self, *, max_output_tokens: int) -> None:
        self._max_output_tokens = max_output_tokens

    def ask(
        self,
        provider: Provider,
        claim: Claim,
        prepared: PreparedLog,
        watch: Watch,
        *,
        smaller: Callable[[], PreparedLog] | None = None,
    ) -> Asked:
        """Raises `ProviderError` when this provider gives no usable answer, `Interrupted` when it must end.

        `smaller` prepares the log anew for half the tokens, for a provider that finds the prompt too long.
        """
        try:
            return self._ask(provider, claim, prepared, watch)
        except PromptTooLong:
            if smaller is None:
                raise
            log.info("prompt_reduced", provider=provider.name)
            return self._ask(provider, claim, smaller(), watch)

    def _ask(self, provider: Provider, claim: Claim, prepared: PreparedLog, watch: Watch) -> Asked:
        watch.check()
        prompt = build_prompt(
            prepared,
            language=claim.language,
            analysis_type=claim.analysis_type,
            service_name=claim.service_name,
            environment=claim.environment,
            model=claim.model,
            max_output_tokens=(claim.prompt and claim.prompt.config.max_output_tokens) or self._max_output_tokens,
            text=claim.prompt_text,
        )
        answer, completion = self._read(provider, prompt, watch)
        grounded = ground(answer, prepared, ours=provider.name == RULES)
        coverage = replace(
            prepared.coverage,
            tokens_estimated=prompt.tokens_estimated,
            # of the windows of a log and of the answer that makes one of theirs, all count
            evidence_cited=prepared.coverage.evidence_cited + grounded.cited,
            evidence_dropped=prepared.coverage.evidence_dropped + grounded.dropped,
        )
        return Asked(
            provider=provider.name,
            model=completion.model,
            diagnosis=grounded.diagnosis,
            response=markdown(grounded.diagnosis, coverage, language=claim.language),
            coverage=coverage,
            usage=completion.usage,
        )

    def _read(self, provider: Provider, prompt: Prompt, watch: Watch) -> tuple[Answer, Completion]:
        """The answer; when it is malformed, once more with the problem told."""
        first = self._complete(provider, prompt, watch)
        try:
            return interpret(first.text), first
        except AnswerMalformed as problem:
            log.info("answer_reasked", provider=provider.name, problem=problem.detail)
            second = self._complete(provider, reask(prompt, first.text, problem.detail), watch)
            # a second malformed answer is the caller's: it asks somebody else
            return interpret(second.text), replace(second, usage=first.usage + second.usage)

    @staticmethod
    def _complete(provider: Provider, prompt: Prompt, watch: Watch) -> Completion:
        """The completion; when it was cut off, once more with twice the room. A cut answer is never repaired."""
        watch.check()
        try:
            completion = provider.complete(prompt, watch)
        except AnswerTruncated:
            watch.check()
            completion = provider.complete(replace(prompt, max_output_tokens=prompt.max_output_tokens * 2), watch)
        # a model may say what no JSON and no database can hold
        return replace(completion, text=clean(completion.text).text)
