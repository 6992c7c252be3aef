"""`rules` as a provider: reads the prepared log behind a prompt and answers in the same schema as a model."""

import json

from app.domain.offers import Offer
from app.domain.ports import Health, Watch
from app.domain.prompts import Completion, Prompt, Usage
from app.providers.rules.answering import answer
from app.providers.rules.catalog import load
from app.providers.rules.findings import find

MODEL = "bifrost-rules"
#: There is no context window: as much as preparation likes to show.
TOKEN_BUDGET = 1_000_000


class Rules:
    """Answers without any model, from a catalog of failure signatures. Never unavailable."""

    name = "rules"
    model = MODEL
    token_budget = TOKEN_BUDGET

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        """The diagnosis as JSON of the answer's schema. Raises only what `watch` raises."""
        found = find(prompt.log, load(), watch.check)
        text = json.dumps(answer(found, prompt.log, prompt.language), ensure_ascii=False)
        watch.token(text)
        return Completion(text=text, model=MODEL, usage=Usage())

    def health(self) -> Health:
        """Always fine: nothing is needed."""
        return Health(name=self.name, ok=True, detail=f"{len(load().signatures)} signatures")

    def offer(self) -> Offer:
        """One, of our own."""
        detail = f"No model: {len(load().signatures)} signatures."
        return Offer(provider=self.name, model=MODEL, models=(MODEL,), listed=True, detail=detail)
