"""Small honest providers: each answers a prompt, or fails as a real one does, by a script."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.ports import Health, Watch
from app.domain.prompts import Completion, Prompt, Usage

#: Text to answer, an error to raise, or whatever else to do with the prompt.
Step = str | Exception | Callable[[Prompt, Watch], str]


def answer(**changes) -> str:
    """What a model should say about any log whose line 2 says OOMKilled."""
    return json.dumps(
        {
            "summary": "The container ran out of memory.",
            "root_cause": "Its limit is lower than its need.",
            "recommendation": "Raise the limit.",
            "severity": "HIGH",
            "confidence": 0.9,
            "issues_found": True,
            "evidence": [{"line": 2, "quote": "OOMKilled"}],
        }
        | changes
    )


@dataclass(kw_only=True)
class Scripted:
    """Takes one step with each call; the last one again and again."""

    steps: tuple[Step, ...]
    name: str = "ollama"
    model: str = "tiny"
    token_budget: int = 8000
    prompts: list[Prompt] = field(default_factory=list)

    def complete(self, prompt: Prompt, watch: Watch) -> Completion:
        self.prompts.append(prompt)
        step = self.steps[min(len(self.prompts), len(self.steps)) - 1]
        if isinstance(step, Exception):
            raise step
        text = step if isinstance(step, str) else step(prompt, watch)
        watch.token(text)
        return Completion(
            text=text, model=prompt.model or self.model, usage=Usage(prompt_tokens=100, completion_tokens=10)
        )

    def health(self) -> Health:
        return Health(name=self.name, ok=True, detail="answers")


class Hanging:
    """A step that blocks, like a read from a silent socket, until its call is closed from outside."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self._closed = threading.Event()

    def __call__(self, prompt: Prompt, watch: Watch) -> str:
        with watch.closing(self._closed.set):
            self.began.set()
            while not self._closed.wait(0.02):
                watch.check()
        watch.check()
        raise AssertionError("closed, and nobody knows why")


class Fuse:
    """A step that blocks and, when its socket is closed under it, fails as sockets do."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self._closed = threading.Event()

    def __call__(self, prompt: Prompt, watch: Watch) -> str:
        with watch.closing(self._closed.set):
            self.began.set()
            assert self._closed.wait(20)
            raise OSError("read of closed file")


def scripted(*steps: Step, **changes) -> Scripted:
    return Scripted(steps=steps or (answer(),), **changes)
