from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.analyses import Analysis, Filter, Source, Status
from tests.support.stores import Store

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 500
#: Each column cycles with a length of its own, so that every filter meets every other one. Three rows share a time.
HISTORY = """
    INSERT INTO analysis_results (project_id, created_at, source, requested_model, model, log_bytes, log_hash,
        analysis_type, priority, language, request_hash, cache_key, queue, status, finished_at, lease_until,
        service_name, environment, severity, tags)
    SELECT :project, CAST(:begin AS timestamptz) + make_interval(mins => n / 3),
        (ARRAY['local', 'cloud', 'rules', 'auto'])[1 + n % 4],
        CASE WHEN n % 5 = 0 THEN 'asked' END, CASE WHEN n % 3 = 0 THEN 'answered' END,
        1, 'h', 'error', 1, 'en', 'h', 'c', 'prepare', s.status,
        CASE WHEN s.status IN ('completed', 'failed', 'cancelled') THEN now() END,
        CASE WHEN s.status = 'running' THEN now() END,
        CASE WHEN n % 7 < 5 THEN 'service-' || n % 7 END, (ARRAY['prod', 'test'])[1 + n % 2],
        CASE WHEN s.status = 'completed' THEN (ARRAY['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'])[1 + n % 4] END,
        to_jsonb((ARRAY['even', 'team a', 'x"y'])[1 : n % 4])
    FROM generate_series(0, :rows - 1) AS n,
        LATERAL (SELECT (ARRAY['queued', 'running', 'retrying', 'completed', 'failed', 'cancelled'])[1 + n % 6]
            AS status) AS s
"""


@pytest.fixture(scope="module")
def history(module_store) -> Store:
    module_store.empty()
    module_store.run(HISTORY, project=module_store.project, begin=BEGIN, rows=ROWS)
    other = module_store.new_project("other")
    module_store.run(HISTORY, project=other, begin=BEGIN, rows=30)
    return module_store


def pages(store: Store, *, limit: int, **wanted) -> list[list[Analysis]]:
    """Page by page, as the service and the HTTP API walk."""
    found: list[list[Analysis]] = []
    before = None
    while True:
        with store.unit_of_work() as tx:
            rows = list(tx.analyses.list(Filter(project_id=store.project, limit=limit, before=before, **wanted)))
        assert len(rows) <= limit + 1
        found.append(rows[:limit])
        if len(rows) <= limit:
            return found
        before = (rows[limit - 1].created_at, rows[limit - 1].id)


def everything(store: Store, **wanted) -> list[Analysis]:
    return [item for page in pages(store, limit=ROWS, **wanted) for item in page]


@pytest.mark.parametrize("limit", [1, 7, 50, 499, 500, 501])
def test_pages_of_any_size_show_each_analysis_once_newest_first(history, limit):
    found = pages(history, limit=limit)
    ids = [item.id for page in found for item in page]
    assert ids == history.ask(
        "SELECT array_agg(id ORDER BY created_at DESC, id DESC) FROM analysis_results WHERE project_id = :p",
        p=history.project,
    )
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)


FILTERS: list[tuple[dict, Callable[[Analysis], bool]]] = [
    *[({"status": status}, lambda a, s=status: a.status is s) for status in Status],
    *[({"source": source}, lambda a, s=source: a.source is s) for source in Source],
    ({"service_name": "service-3"}, lambda a: a.service_name == "service-3"),
    ({"environment": "prod"}, lambda a: a.environment == "prod"),
    ({"model": "answered"}, lambda a: a.model == "answered"),
    ({"model": "asked"}, lambda a: a.model == "asked"),
    ({"tag": "team a"}, lambda a: "team a" in a.tags),
    ({"tag": 'x"y'}, lambda a: 'x"y' in a.tags),
    ({"since": BEGIN + timedelta(hours=1)}, lambda a: a.created_at >= BEGIN + timedelta(hours=1)),
    ({"until": BEGIN + timedelta(hours=1)}, lambda a: a.created_at < BEGIN + timedelta(hours=1)),
    (
        {"status": Status.COMPLETED, "environment": "test", "service_name": "service-1", "tag": "even"},
        lambda a: (
            (a.status, a.environment, a.service_name) == (Status.COMPLETED, "test", "service-1") and "even" in a.tags
        ),
    ),
]


@pytest.mark.parametrize(
    ("wanted", "matches"), FILTERS, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_every_filter_shows_what_it_says_page_by_page(history, wanted, matches):
    expected = [item.id for item in everything(history) if matches(item)]
    assert expected
    found = pages(history, limit=13, **wanted)
    assert [item.id for page in found for item in page] == expected


@pytest.mark.parametrize("severity", ["LOW", "MEDIUM", "HIGH", "CRITICAL"])
def test_the_severity_of_a_diagnosis_can_be_asked_for(history, severity):
    found = everything(history, severity=severity)
    assert len(found) == history.ask(
        "SELECT count(*) FROM analysis_results WHERE severity = :s AND project_id = :p", s=severity, p=history.project
    )


@pytest.mark.parametrize("wanted", [{"service_name": "nobody"}, {"tag": "none"}, {"model": "%"}, {"severity": "low"}])
def test_what_matches_nothing_is_an_empty_page(history, wanted):
    assert pages(history, limit=10, **wanted) == [[]]


def test_what_arrives_while_somebody_pages_moves_nothing(history):
    with history.unit_of_work() as tx:
        first = list(tx.analyses.list(Filter(project_id=history.project, limit=10)))[:10]
    history.added()
    try:
        before = (first[-1].created_at, first[-1].id)
        with history.unit_of_work() as tx:
            second = list(tx.analyses.list(Filter(project_id=history.project, limit=10, before=before)))[:10]
        everyone = [item.id for item in everything(history)]
        assert [item.id for item in first + second] == everyone[1:21]
    finally:
        history.run("DELETE FROM analysis_results WHERE service_name IS NULL AND log_content IS NOT NULL")


def test_a_deep_page_reads_no_more_than_it_shows(history):
    history.run("ANALYZE analysis_results")
    plan = "\n".join(
        row[0]
        for row in history.rows(
            """EXPLAIN SELECT id FROM analysis_results
               WHERE project_id = :p AND (created_at, id) < (CAST(:at AS timestamptz), 100)
               ORDER BY created_at DESC, id DESC LIMIT 11""",
            p=history.project,
            at=BEGIN + timedelta(hours=1),
        )
    )
    assert "analysis_results_history" in plan
    assert "Sort" not in plan
