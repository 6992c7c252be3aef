"""What we tell a model and what we hear from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.logs import PreparedLog


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation. `role` is "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One question to a provider."""

    system: str
    messages: tuple[Message, ...]
    #: JSON schema of the answer.
    schema: Mapping[str, object]
    #: The log behind the question, for a provider that reads without a model.
    log: PreparedLog
    #: "en" or "ko": the language of the answer.
    language: str
    #: None: the provider's own default.
    model: str | None
    #: Tokens of system and messages, estimated.
    tokens_estimated: int
    max_output_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a call cost. Tokens; `cost_micro_usd` in millionths of a US dollar, None when the price is not known."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micro_usd: int | None = 0
    #: True when the provider did not tell its tokens and we estimated them.
    estimated: bool = False

    @property
    def cost_usd(self) -> float | None:
        """US dollars; None when the price is not known."""
        return None if self.cost_micro_usd is None else self.cost_micro_usd / 1e6

    def __add__(self, other: "Usage") -> "Usage":
        """Both calls together; what one of them cost is unknown: so is the sum."""
        costs = (self.cost_micro_usd, other.cost_micro_usd)
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost_micro_usd=None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
            estimated=self.estimated or other.estimated,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """A provider's whole answer, as text that should be JSON of the prompt's schema."""

    text: str
    #: The model that really answered, as the provider names it.
    model: str
    usage: Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptRef:
    """One version of one prompt."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptConfig:
    """What a version asks for beside its text. None: as the server's settings say."""

    #: Tokens the answer may have.
    max_output_tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedPrompt:
    """The version an analysis uses, as its worker gets it. `text` is None for the built-in one."""

    ref: PromptRef
    text: str | None = None
    config: PromptConfig = field(default_factory=PromptConfig)
