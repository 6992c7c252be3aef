import pytest

from app.domain.analyses import CacheMode, Filter, Mask, Priority, Source, Status
from app.domain.errors import (
    AnalysisFinished,
    AnalysisNotFound,
    IdempotencyConflict,
    LogEmpty,
    LogTooLarge,
    ProviderNotConfigured,
)
from tests.support.kernels import Kernel, kernel
from tests.support.stores import at_once
from tests.support.tiny_providers import answer, scripted


@pytest.fixture
def plain(store) -> Kernel:
    """Only the rules."""
    return kernel(store)


@pytest.fixture
def modeled(store) -> Kernel:
    return kernel(store, scripted(answer()))


def rows(made: Kernel) -> int:
    return made.store.ask("SELECT count(*) FROM analysis_results")


def test_what_is_accepted_is_committed_and_due(plain):
    submitted = plain.analyses.submit(plain.store.submission(source=Source.RULES))
    assert not submitted.replayed
    assert submitted.analysis.status is Status.QUEUED
    assert plain.store.due() == [submitted.analysis.id]


def test_what_postgresql_cannot_hold_is_cleaned_and_counted(plain):
    analysis_id = plain.submit(log="a\x00b\ud800c\n", bytes_replaced=2)
    found = plain.analyses.get(plain.store.project, analysis_id, with_log=True)
    assert found.log_content == "ab\ufffdc\n"
    assert plain.store.column(analysis_id, "bytes_replaced") == 2 + 1 + 3


@pytest.mark.parametrize("log", ["", " ", "\n\n\t\r\n", "\x00", " \x00 \n", "\u2003\u00a0"])
def test_a_blank_log_is_refused(plain, log):
    with pytest.raises(LogEmpty):
        plain.submit(log=log)
    assert rows(plain) == 0


def test_a_log_is_measured_in_bytes(store):
    made = kernel(store, max_log_bytes=9)
    made.submit(log="x" * 9)
    made.submit(log="가나다")
    for log in ("x" * 10, "가나다라"):
        with pytest.raises(LogTooLarge, match="up to 9"):
            made.submit(log=log)
    assert rows(made) == 2


def test_a_source_that_is_not_there_is_refused_before_anything_is_stored(plain):
    with pytest.raises(ProviderNotConfigured):
        plain.submit(source=Source.CLOUD)
    assert rows(plain) == 0


def test_the_same_key_and_body_is_the_same_analysis(plain):
    first = plain.submit(idempotency_key="k", request_id="r1")
    again = plain.analyses.submit(plain.store.submission(idempotency_key="k", request_id="r2", correlation_id="c"))
    assert again.replayed
    assert again.analysis.id == first
    assert again.analysis.request_id == "r1"


@pytest.mark.parametrize(
    "changes",
    [
        {"log": "another\n"},
        {"service_name": "x"},
        {"tags": ("x",)},
        {"metadata": {"x": 1}},
        {"priority": Priority.HIGH},
        {"source": Source.RULES},
        {"deadline_seconds": 5.0},
        {"mask": Mask.ALL},
        {"cache": CacheMode.OFF},
    ],
)
def test_the_same_key_and_another_body_is_a_conflict(plain, changes):
    plain.submit(idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        plain.submit(idempotency_key="k", **changes)
    assert rows(plain) == 1


def test_a_key_is_remembered_after_the_end_and_whatever_the_cache_holds(modeled):
    first = modeled.answered(idempotency_key="k")
    other = modeled.answered(cache=CacheMode.OFF)
    again = modeled.analyses.submit(modeled.store.submission(idempotency_key="k"))
    assert again.replayed
    assert (again.analysis.id, again.analysis.diagnosis) == (first.id, first.diagnosis)
    assert again.analysis.id != other.id


def test_the_policy_of_masking_is_filled_in_when_nothing_is_said_and_a_key_outlives_its_change(store):
    before, after = kernel(store, mask=Mask.NONE), kernel(store, mask=Mask.PUBLIC)
    first = before.submit(idempotency_key="k")
    assert store.column(first, "mask") == "none"
    assert after.analyses.submit(store.submission(idempotency_key="k")).replayed
    assert store.column(after.submit(), "mask") == "public"
    assert store.column(after.submit(mask=Mask.ALL), "mask") == "all"


def test_twenty_clients_with_one_key_get_one_analysis(plain):
    answers = at_once(20, lambda _: plain.analyses.submit(plain.store.submission(idempotency_key="k")))
    assert len({answer_.analysis.id for answer_ in answers}) == 1
    assert rows(plain) == 1


def test_the_same_question_is_answered_from_the_cache(modeled):
    first = modeled.answered(tags=("a",), priority=Priority.LOW)
    again = modeled.analyses.submit(modeled.store.submission(tags=("b",), metadata={"x": 1})).analysis
    assert (again.status, again.cached, again.cached_from) == (Status.COMPLETED, True, first.id)
    assert (again.diagnosis, again.response, again.tags) == (first.diagnosis, first.response, ("b",))
    assert again.usage.cost_micro_usd == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"log": "another\n"},
        {"model": "big"},
        {"language": "ko"},
        {"source": Source.LOCAL},
        {"analysis_type": "security"},
        {"service_name": "x"},
        {"environment": "x"},
        {"mask": Mask.ALL},
        {"cache": CacheMode.OFF},
    ],
)
def test_another_question_is_asked_anew(modeled, changes):
    modeled.answered()
    assert not modeled.analyses.submit(modeled.store.submission(**changes)).analysis.cached


def test_another_projects_answer_is_not_given_away(modeled):
    modeled.answered()
    other = modeled.store.new_project("other")
    assert not modeled.analyses.submit(modeled.store.submission(project_id=other)).analysis.cached


def test_a_degraded_answer_is_not_given_again(plain):
    assert plain.answered().degraded
    assert not plain.analyses.submit(plain.store.submission()).analysis.cached


def test_without_a_ttl_nothing_is_cached(store):
    made = kernel(store, scripted(answer()), cache_ttl=0)
    made.answered()
    assert not made.analyses.submit(store.submission()).analysis.cached


def test_an_unknown_analysis_is_not_found(plain):
    for analysis_id in (1, 0, -1, 2**62):
        with pytest.raises(AnalysisNotFound):
            plain.get(analysis_id)
        with pytest.raises(AnalysisNotFound):
            plain.analyses.cancel(plain.store.project, analysis_id)


def test_another_projects_analysis_is_not_found(plain):
    analysis_id = plain.submit()
    other = plain.store.new_project("other")
    with pytest.raises(AnalysisNotFound):
        plain.analyses.get(other, analysis_id)
    with pytest.raises(AnalysisNotFound):
        plain.analyses.cancel(other, analysis_id)
    assert plain.analyses.list(Filter(project_id=other)).items == ()


def test_pages_lead_to_the_end(plain):
    ids = [plain.submit(log=f"log {number}\n") for number in range(7)]
    found, before = [], None
    for expected_more in (True, True, False):
        page = plain.analyses.list(Filter(project_id=plain.store.project, limit=3, before=before))
        found += [item.id for item in page.items]
        before = page.next_before
        assert (before is not None) == expected_more
    assert found == ids[::-1]


def test_a_last_page_that_is_full_has_none_after_it(plain):
    for number in range(3):
        plain.submit(log=f"log {number}\n")
    assert plain.analyses.list(Filter(project_id=plain.store.project, limit=3)).next_before is None


def test_a_waiting_analysis_is_cancelled_at_once_and_again_without_complaint(plain):
    analysis_id = plain.submit()
    for _ in range(2):
        assert plain.analyses.cancel(plain.store.project, analysis_id).status is Status.CANCELLED
    assert plain.work() == 0


def test_what_has_ended_in_another_way_cannot_be_cancelled(plain):
    done = plain.answered(source=Source.RULES)
    with pytest.raises(AnalysisFinished, match="already completed"):
        plain.analyses.cancel(plain.store.project, done.id)
