"""What would become of a log if it were submitted."""

from dataclasses import dataclass

from app.domain.diagnoses import Coverage


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Who would be asked, what of the log would be shown, and what that would cost at most. Nothing is stored."""

    #: The first provider asked, and the model it would be asked for.
    provider: str
    model: str
    #: Everybody who may be asked when those before fail, by name; the rules come last.
    chain: tuple[str, ...]
    coverage: Coverage
    #: Calls: one, or those of the log's windows, too, and one that makes a single diagnosis of all.
    calls: int
    #: Of all calls: estimated on the high side, and the most that the answer may have. 0 without a model.
    prompt_tokens: int
    max_completion_tokens: int
    #: Of as many; None when the model has no price.
    max_cost_micro_usd: int | None

    @property
    def max_cost_usd(self) -> float | None:
        """US dollars; None when the model has no price."""
        return None if self.max_cost_micro_usd is None else self.max_cost_micro_usd / 1e6
