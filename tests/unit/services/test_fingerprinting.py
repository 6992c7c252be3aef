"""What of a stored prompt makes another question."""

from app.domain.analyses import Submission
from app.domain.prompts import PromptRef
from app.services.choosing import identity_of
from app.services.fingerprinting import question_key_of


def key(prompt: str | None, version: PromptRef | None) -> str:
    return question_key_of(Submission(project_id=1, log="log", prompt=prompt, prompt_version=version), identity="m")


def test_another_version_is_another_question_however_it_was_asked_for():
    first, second = (PromptRef(name="triage", version=number) for number in (1, 2))
    assert key("triage@1", first) == key("triage@production", first)
    assert len({key("triage", first), key("triage", second), key(None, None)}) == 3
    assert key("other", PromptRef(name="other", version=1)) != key("triage", first)


def test_the_built_in_is_known_by_its_text_since_it_changes_with_bifrost():
    name, version, text = identity_of(PromptRef(name="default", version=0))
    assert (name, version, len(text)) == ("default", 0, 64)
    assert identity_of(PromptRef(name="default", version=1)) == ("default", 1, "")
