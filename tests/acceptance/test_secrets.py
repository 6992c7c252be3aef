"""Secrets planted in logs reach neither models nor the cache, answers, receivers, the database or our own logs."""

import itertools
import json
import random
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from app.domain.analyses import Status
from tests.support.model_behaviors import error, hang, no_json, prose
from tests.support.model_server import ModelServer
from tests.support.obeying_model import obeying
from tests.support.planted_secrets import TOKENS, Planted, password, secrets, some
from tests.support.receivers import SECRET as SIGNING
from tests.support.receivers import Receiver
from tests.support.searching import kept
from tests.support.stacks import Running, providers_at, running
from tests.support.waiting import until

SEED = 20_250_318
COUNT = 200
OF_A_LOG = 10
#: Somebody's password in the name of a service.
NAMED = some(random.Random(SEED), 14)
#: What may be put back into an answer, for whoever submitted the log.
REVERSIBLE = "EMAIL"
NOISE = (
    "2025-03-18T01:59:07Z INFO request {n} served in {n} ms",
    '{{"ts":"2025-03-18T01:59:07Z","level":"info","msg":"job {n} done"}}',
    "ts=2025-03-18T01:59:07Z level=info msg=tick n={n}",
    '10.0.0.{n} - - [18/Mar/2025:01:59:07 +0000] "GET /api/{n} HTTP/1.1" 200 512 "-" "curl/8.5"',
    "2025-03-18T01:59:07.1Z stdout F worker {n} idle",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A running Bifrost that has read them all, and what left it."""

    bifrost: Running
    planted: Sequence[Planted]
    answers: Sequence[str]
    wire: str
    received: str


def split_up(rng: random.Random) -> Iterator[Planted]:
    """Secrets that lines, colors, collectors and characters without width cut in two."""
    stamp = "2025-03-18T01:59:07.123456789Z stderr"
    for kind in ("AWS_KEY", "GITHUB_TOKEN", "JWT", "STRIPE_KEY", "CARD", "ANTHROPIC_KEY"):
        secret = TOKENS[kind](rng)
        half = len(secret) // 2
        yield Planted(
            kind=kind, secret=secret[half:], text=f"{stamp} P using {secret[:half]}\n{stamp} F {secret[half:]} now"
        )
        secret = TOKENS[kind](rng)
        yield Planted(kind=kind, secret=secret, text=f"ERROR using {secret[:half]}\x1b[1m{secret[half:]}\x1b[0m now")
        secret = TOKENS[kind](rng)
        yield Planted(kind=kind, secret=secret, text=f"ERROR using {secret[:half]}\u200b{secret[half:]} now")
    for form in (
        "  password:\n    {}",
        "mysqldump --password \\\n  {} shop",
        "client_secret: |\n  {}",
        "api_key=\\\n{}",
    ):
        secret = some(rng, 16)
        yield Planted(kind="SECRET", secret=secret, text=form.format(secret))
    secret = TOKENS["JWT"](rng)
    text = f"2025-03-18 ERROR the gateway did not accept the token of the user: {secret}"
    yield Planted(kind="JWT", secret=secret[60:], text=f"{text[:100]}\n{text[100:]} at 01:59")
    secret = some(rng, 12)
    yield Planted(kind="SECRET", secret=secret, text=f"+ tool -p {secret}\nERROR login with password={secret} refused")
    secret = password(rng)
    yield Planted(kind="SECRET", secret=secret, text="x" * 40_000 + f" password={secret} " + "y" * 40_000)


def logs(planted: Sequence[Planted]) -> Iterator[str]:
    rng = random.Random(SEED)
    for begin in range(0, len(planted), OF_A_LOG):
        lines = []
        for number, one in enumerate(planted[begin : begin + OF_A_LOG]):
            lines += [rng.choice(NOISE).format(n=rng.randrange(200)) for _ in range(rng.randrange(5))]
            lines += [f"2025-03-18T01:59:08Z ERROR step {number} failed", one.text]
        yield "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Iterator[Case]:
    planted = (*itertools.islice(secrets(SEED), COUNT), *split_up(random.Random(SEED)))
    more = {
        "BIFROST_WEBHOOKS__SECRET": SIGNING,
        "BIFROST_WEBHOOKS__ALLOWED_HOSTS": "127.0.0.1",
        "BIFROST_LOG__LEVEL": "DEBUG",
    }
    with ModelServer() as models, Receiver() as receiver:
        models.otherwise(obeying())
        directory = tmp_path_factory.mktemp("secrets")
        with running(directory, {**providers_at(models.url, read_timeout=60), **more}) as bifrost:
            every = list(logs(planted))
            answers = _answered(bifrost, every, webhook_url=receiver.url)
            answers += _answered(bifrost, every[:1], service_name=f"app pw={NAMED}", environment=f"pw={NAMED}")
            # once more: from the cache, by the rules, after answers that are none, too late
            answers += _answered(bifrost, every, cache="exact")
            answers += _answered(bifrost, every[:6], source="rules")
            models.script(no_json(), no_json(), error("internal"), prose())
            answers += _answered(bifrost, every[:6])
            answers += _answered(bifrost, every, deadline_seconds=0.001)
            # and prepared logs that wait for a model
            models.otherwise(hang())
            for log in every:
                bifrost.submit(log)
            until(lambda: len(receiver.received) >= len(every), what="every event")
            prepared = "SELECT count(*) FROM analysis_preparations"
            until(lambda: bifrost.rows(prepared) == [(len(every),)], what="every log prepared")
            wire = json.dumps([(one.headers, one.body) for one in models.requests], ensure_ascii=False)
            received = "\n".join(one.body.decode() for one in receiver.received)
            yield Case(bifrost=bifrost, planted=planted, answers=answers, wire=wire, received=received)


def _answered(bifrost: Running, every: Sequence[str], **options: object) -> list[str]:
    wanted = Status.FAILED if "deadline_seconds" in options else Status.COMPLETED
    found = [bifrost.finished(one) for one in [bifrost.submit(log, **options) for log in every]]
    assert {one.status for one in found} == {wanted}
    return [json.dumps(one.raw, ensure_ascii=False) for one in found]


def spellings(one: Planted) -> tuple[str, ...]:
    """As it is, and as JSON in JSON spells it."""
    once = json.dumps(one.secret, ensure_ascii=False)[1:-1]
    return (one.secret, once, json.dumps(once, ensure_ascii=False)[1:-1])


def found_in(text: str, planted: Sequence[Planted], *, reversible: bool = True) -> list[Planted]:
    return [
        one
        for one in planted
        if (reversible or one.kind != REVERSIBLE) and any(spelled in text for spelled in spellings(one))
    ]


def test_there_are_as_many_as_promised_and_the_search_finds_them_where_they_may_stand(case):
    assert len(case.planted) >= COUNT
    assert len({one.kind for one in case.planted}) >= 25
    submitted = "\n".join(logs(case.planted))
    assert len(found_in(submitted, case.planted)) >= len(case.planted) - 12  # those that are cut in two stand nowhere


def test_no_model_sees_one(case):
    assert "using <AWS_KEY_" in case.wire
    assert found_in(case.wire, case.planted) == []


def test_no_model_sees_one_in_the_name_of_a_service(case):
    assert "Service: app pw=<SECRET>. Environment: pw=<SECRET>" in case.wire
    assert NAMED not in case.wire


def test_the_database_keeps_none_but_in_the_log_as_submitted(case):
    seen = set()
    leaks = []
    for place, text in kept(case.bifrost):
        if text:
            seen.add(place)
        leaks += [(place, one) for one in found_in(text, case.planted, reversible=False)]
    assert leaks == []
    assert {
        "analysis_preparations.body",
        "analysis_results.diagnosis",
        "outbox.callback",
        "analysis_attempts.error",
    } <= seen


def test_no_answer_and_no_event_tells_one(case):
    for text in (*case.answers, case.received):
        assert found_in(text, case.planted, reversible=False) == []
    told = "\n".join(case.answers)
    addresses = [one for one in case.planted if one.kind == REVERSIBLE]
    assert found_in(told, addresses), "its reader is told what may be put back"


def test_neither_our_own_logs_nor_our_metrics_tell_one(case):
    written = case.bifrost.logs()
    assert "analysis_concluded" in written
    assert found_in(written, case.planted) == []
    with urllib.request.urlopen(f"{case.bifrost.stack.state.url}/metrics/prometheus", timeout=10) as response:
        metrics = response.read().decode()
    assert "flask_http_request_duration_seconds" in metrics
    assert found_in(metrics, case.planted) == []
