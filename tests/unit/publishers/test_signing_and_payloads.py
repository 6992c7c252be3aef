import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from app.api.schemas import AnalysisSchema
from app.domain.analyses import Status
from app.domain.diagnoses import LeftOut
from app.publishers import payloads, signing
from tests.support.announcements import ANALYSIS, announcement
from tests.support.receivers import KEY, SECRET

pytestmark = pytest.mark.unit


def test_a_receiver_can_check_the_signature():
    found = signing.headers("msg_1", b'{"a":1}', timestamp=1_700_000_000, keys=signing.keys(SECRET))
    signed = b'msg_1.1700000000.{"a":1}'
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert found == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": f"v1,{expected}",
    }


def test_the_signature_is_that_of_the_specifications_libraries():
    """The vector that its reference implementations test themselves with."""
    keys = signing.keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', timestamp=1614265330, keys=keys)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign():
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    both = signing.headers("i", b"b", timestamp=1, keys=signing.keys(f"{SECRET} {other}"))["webhook-signature"]
    alone = [signing.headers("i", b"b", timestamp=1, keys=signing.keys(one)) for one in (SECRET, other)]
    assert both == " ".join(one["webhook-signature"] for one in alone)


VARIANTS = (
    ANALYSIS,
    replace(ANALYSIS, coverage=replace(ANALYSIS.coverage, left_out=(LeftOut(reason="budget", lines=3),))),
    replace(
        ANALYSIS,
        status=Status.CANCELLED,
        cached_from=3,
        cached=True,
        diagnosis=None,
        coverage=None,
        usage=None,
        error=None,
        started_at=None,
        finished_at=None,
        duration_seconds=None,
        service_name=None,
        tags=(),
        metadata={},
    ),
)


@pytest.mark.parametrize("analysis", VARIANTS)
def test_a_receiver_reads_what_a_reader_of_the_api_reads(analysis):
    told = json.loads(payloads.body(announcement("http://x"), analysis))
    assert told.pop("type") == "analysis.completed"
    assert told.pop("timestamp") == "2026-05-01T12:30:15.250000+00:00"
    assert told == json.loads(json.dumps(AnalysisSchema().dump(analysis)))


def test_the_log_is_not_told():
    assert b"private" not in payloads.body(announcement("http://x"), ANALYSIS)
