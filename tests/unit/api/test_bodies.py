import gzip
import io
import json

import pytest
import zstandard
from werkzeug.datastructures import MultiDict

from app.api.bodies import parse_json
from app.api.errors import RequestInvalid
from app.domain.errors import BodyUnreadable

pytestmark = pytest.mark.unit

URL = "/api/v1/analyses"


def log_of(parts):
    """The log of the last submission, as the service was given it."""
    return parts.analyses.submissions[-1].log


def bomb(compress, size=64 * 1024 * 1024):
    return compress(b"0" * size)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'"log"',
        b"null",
        b'{"log_content": NaN}',
        b'{"log_content": "a", "deadline_seconds": Infinity}',
        b'{"log_content": "a", "deadline_seconds": ' + b"9" * 5000 + b"}",
        b"[" * 200_000,
        b'{"metadata":' * 10_000,
    ],
)
def test_what_is_not_a_json_object_is_a_problem(keyed, body):
    answer = keyed.post(URL, data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "body_unreadable")


def test_a_field_given_twice_is_an_error():
    with pytest.raises(RequestInvalid) as caught:
        parse_json(b'{"log_content": "a", "source": "rules", "log_content": "b"}')
    assert [found.field for found in caught.value.found] == ["log_content"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"log_content": "a", "metadata": {"x": 1, "x": 2}}', "x"),
        (b'{"log_content": "a", "metadata": {"list": [{"deep": {"y": 1, "\\u0079": 1}}]}}', "y"),
        (b'{"log_content": "x", "log_\\u0063ontent": "y"}', "log_content"),
        (b'{"log_content": "a", "\\ud800": 1, "\\ud800": 2}', "\\ud800"),
    ],
)
def test_a_member_given_twice_is_an_error_at_every_depth_and_however_it_is_written(keyed, parts, body, field):
    answer = keyed.post(URL, data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
    assert [found["field"] for found in answer.json["errors"]] == [field]
    assert not parts.analyses.submissions


def test_a_log_that_quotes_our_field_names_is_no_field_given_twice():
    log = '{"log_content": "inner", "source": "x"} "log_content"'
    assert parse_json(json.dumps({"log_content": log, "source": "rules"}).encode()).fields["log_content"] == log


def test_a_tag_named_like_a_field_is_no_field_given_twice():
    assert parse_json(b'{"log_content": "a", "tags": ["log_content"]}').fields["tags"] == ["log_content"]


def test_a_million_unknown_fields_are_answered_quickly(keyed, parts):
    many = json.dumps({"log_content": "a"} | {f"f{number}": 1 for number in range(20_000)}).encode()
    answer = keyed.post(URL, data=many, content_type="application/json")
    assert answer.status_code == 422
    names = sorted(f"f{number}" for number in range(20_000))
    assert [found["field"] for found in answer.json["errors"]] == names[:50]


def test_unknown_fields_are_named_in_order(keyed):
    answer = keyed.post(URL, json={"log_content": "a"} | dict.fromkeys("hgfedcba", 1))
    assert [found["field"] for found in answer.json["errors"]] == list("abcdefgh")


def test_the_name_of_an_unknown_field_is_shown_as_far_as_it_can_be(keyed):
    answer = keyed.post(
        URL, data=b'{"log_content": "a", "\\ud800%s": 1}' % (b"x" * 500), content_type="application/json"
    )
    shown = answer.json["errors"][0]["field"]
    assert shown.startswith("\\ud800xxx")
    assert len(shown) < 120


@pytest.mark.parametrize("number", [b"9" * 400, b"1e999", b"-1"])
def test_a_number_of_any_size_is_an_error_and_no_crash(keyed, number):
    body = b'{"log_content": "a", "deadline_seconds": %s}' % number
    assert keyed.post(URL, data=body, content_type="application/json").status_code == 422
    body = b'{"log_content": "a", "metadata": {"n": %s}}' % (number * 2 if number == b"9" * 400 else b"1e999")
    assert keyed.post(URL, data=body, content_type="application/json").status_code == 422


def test_invalid_utf8_in_json_is_replaced_and_counted(keyed, parts):
    keyed.post(URL, data=b'{"log_content": "caf\xe9 failed"}', content_type="application/json")
    assert log_of(parts) == "caf\ufffd failed"
    assert parts.analyses.submissions[-1].bytes_replaced == 1


def test_lone_surrogates_and_nul_are_accepted_and_cleaned(keyed, parts):
    answer = keyed.post(URL, data=b'{"log_content": "a\\ud800b\\u0000c"}', content_type="application/json")
    shown = keyed.get(answer.headers["Location"] + "?include=log_content").json
    assert shown["log_content"] == "a\ufffdbc"


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_compressed_bodies_are_read(keyed, parts, name, compress):
    body = compress(b"first\n") + compress(b"second")
    answer = keyed.post(URL, data=body, content_type="text/plain", headers={"Content-Encoding": name})
    assert answer.status_code == 202
    assert log_of(parts) == "first\nsecond"


@pytest.mark.parametrize("padding", [1, 511, 900])
def test_zeros_after_gzip_are_padding(keyed, parts, padding):
    body = gzip.compress(b"first\n") + bytes(padding)
    for data, log in ((body, "first\n"), (body + gzip.compress(b"second"), "first\nsecond")):
        answer = keyed.post(URL, data=data, content_type="text/plain", headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, log_of(parts)) == (202, log)


@pytest.mark.parametrize("rest", [b"\0garbage", b"garbage", bytes(9) + gzip.compress(b"cut off", mtime=0)[:-3]])
def test_anything_else_after_gzip_is_a_problem(keyed, rest):
    data = gzip.compress(b"first") + rest
    answer = keyed.post(URL, data=data, content_type="text/plain", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json["code"]) == (400, "body_unreadable")


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity,chunked", "gzip", "chunked, chunked"])
def test_a_body_in_another_transfer_coding_is_not_stored_as_a_log(keyed, parts, coding):
    answer = keyed.post(URL, data=b"log", content_type="text/plain", headers={"Transfer-Encoding": coding})
    assert (answer.status_code, answer.json["code"]) == (501, "transfer_coding_unsupported")
    assert not parts.analyses.submissions


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("utf-8", "caf\u00e9".encode(), "caf\u00e9"),
        ("US-ASCII", b"cafe", "cafe"),
        ("iso-8859-1", b"caf\xe9", "caf\u00e9"),
        ('"ISO-8859-1"', b"caf\xe9", "caf\u00e9"),
        ("windows-1252", b"\x80 5", "\u20ac 5"),
        ("utf-16", "caf\u00e9".encode("utf-16"), "caf\u00e9"),
        ("utf-16", "caf\u00e9".encode("utf-16-le"), "caf\u00e9"),
        ("utf-16be", "caf\u00e9".encode("utf-16-be"), "caf\u00e9"),
        ("euc-kr", "오류".encode("euc-kr"), "오류"),
        ("cp949", "똠".encode("cp949"), "똠"),
    ],
)
def test_a_declared_charset_is_obeyed(keyed, parts, charset, data, text):
    answer = keyed.post(URL, data=data, content_type=f"text/plain; charset={charset}")
    assert (answer.status_code, log_of(parts)) == (202, text)
    form = {"log_content": (io.BytesIO(data), "app.log", f"text/plain; charset={charset}")}
    assert keyed.post(URL, data=form, content_type="multipart/form-data").status_code == 202
    assert log_of(parts) == text
    assert parts.analyses.submissions[-1].bytes_replaced == 0


def test_what_a_declared_charset_does_not_have_is_replaced_and_counted(keyed, parts):
    keyed.post(URL, data=b"a\xff\0b", content_type="text/plain; charset=euc-kr")
    assert (log_of(parts), parts.analyses.submissions[-1].bytes_replaced) == ("a\ufffdb", 2)


@pytest.mark.parametrize("kind", ["text/plain; charset=ebcdic", "application/json; charset=euc-kr"])
def test_another_charset_is_not_supported(keyed, parts, kind):
    answer = keyed.post(URL, data=b'{"log_content": "a"}', content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "media_type_unsupported")
    assert not parts.analyses.submissions


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8"])
def test_json_is_utf_8_whether_it_says_so_or_not(keyed, parts, kind):
    assert keyed.post(URL, data='{"log_content": "오류"}'.encode(), content_type=kind).status_code == 202
    assert log_of(parts) == "오류"


def test_a_body_that_is_too_large_is_told_the_limit_of_the_log(keyed):
    answer = keyed.post(URL, json={"log_content": "x" * 400_000})
    assert answer.status_code == 413
    assert "1,000 bytes" in answer.json["detail"]
    assert "limits.max_log_bytes" in answer.json["detail"]


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_bomb_is_too_large(keyed, name, compress):
    answer = keyed.post(URL, data=bomb(compress), content_type="text/plain", headers={"Content-Encoding": name})
    assert answer.status_code == 413
    assert answer.json["limit_bytes"] == 1000


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_compressed_body_that_is_cut_off_is_never_taken_for_whole(keyed, parts, name, compress):
    body = compress(b"".join(b"line %d\n" % number for number in range(90)))[:-9]
    answer = keyed.post(URL, data=body, content_type="text/plain", headers={"Content-Encoding": name})
    assert (answer.status_code, answer.json["code"]) == (400, "body_unreadable")
    assert not parts.analyses.submissions


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_that_is_not_compressed_as_it_says_is_a_problem(keyed, name):
    answer = keyed.post(URL, data=b"plain text", content_type="text/plain", headers={"Content-Encoding": name})
    assert (answer.status_code, answer.json["code"]) == (400, "body_unreadable")


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "deflate"])
def test_another_encoding_is_not_supported(keyed, name):
    answer = keyed.post(URL, data=b"log", content_type="text/plain", headers={"Content-Encoding": name})
    assert (answer.status_code, answer.json["code"]) == (415, "media_type_unsupported")


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "application/xml"])
def test_another_type_is_not_supported(keyed, kind):
    answer = keyed.post(URL, data=b"log", content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "media_type_unsupported")
    assert "text/plain" in answer.json["detail"]


@pytest.mark.parametrize(("size", "status"), [(1000, 202), (1001, 413), (5000, 413)])
def test_plain_text_is_taken_up_to_the_limit(keyed, size, status):
    answer = keyed.post(URL, data=b"x" * size, content_type="text/plain")
    assert answer.status_code == status


def test_json_may_be_larger_than_the_log_in_it(keyed, parts):
    log = "가" * 333
    assert keyed.post(URL, json={"log_content": log}).status_code == 202
    assert log_of(parts) == log
    assert keyed.post(URL, json={"log_content": log + "가"}).status_code == 413


def test_plain_text_takes_its_other_fields_from_the_query(keyed, parts):
    query = "?source=rules&tags=a,b&tags=c&deadline_seconds=2.5&metadata=%7B%22build%22%3A7%7D&service_name=api"
    assert keyed.post(URL + query, data="it failed", content_type="text/plain; charset=utf-8").status_code == 202
    submission = parts.analyses.submissions[-1]
    assert (submission.log, submission.source, submission.service_name) == ("it failed", "rules", "api")
    assert (submission.tags, submission.deadline_seconds) == (("a", "b", "c"), 2.5)
    assert submission.metadata == {"build": 7}


def test_a_form_takes_the_log_as_a_file_and_the_rest_as_fields(keyed, parts):
    form = MultiDict([("service_name", "api"), ("tags", "a"), ("tags", "b")])
    form.add("log_content", (io.BytesIO(b"it \xff failed"), "app.log"))
    assert keyed.post(URL, data=form, content_type="multipart/form-data").status_code == 202
    submission = parts.analyses.submissions[-1]
    assert (submission.log, submission.tags, submission.bytes_replaced) == ("it \ufffd failed", ("a", "b"), 1)


def test_a_form_with_two_logs_is_a_problem(keyed):
    form = {"log_content": (io.BytesIO(b"a"), "a.log"), "file": (io.BytesIO(b"b"), "b.log")}
    answer = keyed.post(URL, data=form, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "log_content")


def test_a_form_without_its_boundary_is_a_problem(keyed):
    answer = keyed.post(URL, data=b"--x\r\n", content_type="multipart/form-data")
    assert answer.status_code in {400, 422}


def test_a_query_beside_json_is_an_error(keyed):
    answer = keyed.post(URL + "?source=rules", json={"log_content": "a"})
    assert answer.status_code == 422
    assert answer.json["errors"] == [{"in": "query", "field": "source", "message": "Unknown query parameter."}]


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b"\xff"])
def test_metadata_in_a_query_is_checked_as_json(keyed, body):
    answer = keyed.post(URL, data="log", content_type="text/plain", query_string={"metadata": body})
    assert answer.status_code in {400, 422}


def test_what_is_not_json_is_said_with_its_place():
    with pytest.raises(BodyUnreadable, match="line 2 column 3"):
        parse_json(b"{\n  log: 1}")


def test_a_body_that_ends_early_is_never_taken_for_whole(keyed, parts):
    """gunicorn marks its stream as ended by itself, and then nobody else compares."""
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "100"}
    answer = keyed.post(URL, data=b"half of it", content_type="text/plain", environ_overrides=environ)
    assert (answer.status_code, answer.json["code"]) == (400, "body_unreadable")
    assert not parts.analyses.submissions
