"""Records to templates."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.logs import Level
from app.pipeline.merging import merge
from app.pipeline.preparation import PreparationLimits, prepare
from app.pipeline.shapes import Shape, mask


def templates(*lines, **limits):
    return prepare("\n".join(lines), limits=PreparationLimits(**limits), token_budget=8000).templates


def test_variable_parts_are_masked():
    assert mask("blk_-6952295868487656571 from /10.251.73.220:50010 took 12.5ms") == "<*> from /<*> took <*>"
    assert mask("user 1f3a9c77-aaaa-4bbb-8ccc-0123456789ab at 2024-05-01T12:00:00Z") == "user <*> at <*>"
    assert mask("relation 'users' at 0xdeadbeef in deadbeef01") == "relation <*> at <*> in <*>"


def test_statuses_and_exit_codes_stay():
    assert mask('"GET /x/17 HTTP/1.1" 502 123') == '"GET /x/<*> HTTP/1.1" 502 <*>'
    assert mask("exited with code 137 after 5 s") == "exited with code 137 after <*> s"
    assert mask("errno=104 id=104") == "errno=104 id=<*>"
    assert mask("HTTP GET /orders/7 responded 500 in 34.5 ms") == "HTTP GET /orders/<*> responded 500 in <*> ms"
    assert mask("ok=5 unreachable=0 failed=0") == "ok=<*> unreachable=0 failed=0"


def test_the_status_of_an_application_s_access_line_stays():
    assert mask("GET /orders/17 500 30ms") == "GET /orders/<*> 500 <*>"
    assert (
        mask("POST https://api.example.com/in/17 404 (Not Found)")
        == "POST https://api.example.com/in/<*> 404 (Not Found)"
    )
    assert mask("GET /a/7 -> 503 in 512 ms") == "GET /a/<*> -> 503 in <*> ms"
    assert mask("budget /a/7 500 30ms; GET /a 500ms") == "budget /a/<*>; GET /a <*>"
    found = templates(*(f"2024-05-01 12:00:09 GET /x/{i} {s} {i}ms" for i in range(9) for s in (200, 500)))
    assert sorted((t.level, t.count) for t in found) == [(Level.INFO, 9), (Level.ERROR, 9)]


def test_many_ids_in_hexadecimal_do_not_make_many_templates():
    ids = [f"{i * 2654435761 % 2**32:08x}" for i in range(3000)]
    found = templates(*(f"2024-05-01 12:00:09 INFO request {one} by {two} faded" for one, two in pairwise(ids)))
    assert [(t.pattern, t.count) for t in found] == [("INFO request <*> by <*> faded", 2999)]


def test_lines_that_differ_in_numbers_are_one_template():
    found = templates(*(f"2024-05-01 12:00:{i:02} INFO order {i} took {i * 7} ms" for i in range(50)))
    assert [(t.pattern, t.count, t.first, t.last) for t in found] == [("INFO order <*> took <*> ms", 50, 1, 50)]


def test_different_statuses_are_different_templates():
    found = templates(
        *(
            f'10.0.0.{i} - - [01/May/2024:12:00:09 +0000] "GET /x HTTP/1.1" {s} {i}'
            for i in range(9)
            for s in (200, 502)
        )
    )
    assert sorted((t.level, t.count) for t in found) == [(Level.INFO, 9), (Level.ERROR, 9)]


def test_a_word_of_many_values_is_a_variable_and_one_of_two_is_not():
    users = ("root", "admin", "guest", "oracle", "test")
    many = templates(*(f"session opened for user {name} by login" for name in users))
    assert [t.pattern for t in many] == ["session opened for user <*> by login"]
    assert len(templates("instance spawned well", "instance destroyed well")) == 2


def test_levels_are_never_mixed():
    found = templates(
        *(f"2024-05-01 12:00:00 {level} disk {i} of node {i}" for i in range(5) for level in ("INFO", "WARN", "ERROR"))
    )
    assert sorted((t.level, t.count) for t in found) == [(Level.INFO, 5), (Level.WARNING, 5), (Level.ERROR, 5)]


def test_json_lines_are_told_by_their_message():
    found = templates(*(f'{{"level":"error","ts":{i},"msg":"failed to dial","attempt":{i}}}' for i in range(3)))
    assert [(t.pattern, t.count) for t in found] == [("ERROR failed to dial attempt=<*>", 3)]


def test_exemplars_are_the_first_record_and_others_that_differ():
    found = templates(*(f"job {i} done" for i in range(1, 101)))
    assert [[line.text for line in record] for record in found[0].exemplars] == [["job 1 done"], ["job 100 done"]]


def test_long_lines_of_exemplars_lose_their_middle_visibly():
    found = templates("ERROR " + "x" * 5000, max_line_chars=100)
    line = found[0].exemplars[0][0]
    assert len(line.text) <= 100
    assert "characters cut]" in line.text


def test_most_telling_templates_come_first_and_the_others_are_counted():
    lines = [f"{word} {word * 2} INFO" for word in ("a", "b", "c")] + ["2024-05-01 12:00:00 ERROR disk full"]
    prepared = prepare("\n".join(lines), limits=PreparationLimits(max_templates=2), token_budget=8000)
    assert prepared.templates[0].level == Level.ERROR
    assert len(prepared.templates) == 2
    assert prepared.coverage.templates == 4
    assert prepared.coverage.lines_total == 4


WORDS = st.lists(st.sampled_from(["a", "b", "c", "<*>", "x=1", "/p/q", "502"]), min_size=1, max_size=6).map(tuple)


@given(st.sets(st.tuples(st.sampled_from([Level.INFO, Level.ERROR]), WORDS), max_size=40))
def test_every_shape_gets_a_pattern_that_fits_it(keys):
    shapes = [(level, Shape(words=words, head=0)) for level, words in sorted(keys)]
    merged = merge(shapes)
    assert set(merged) == set(shapes)
    for (_, shape), pattern in merged.items():
        assert len(pattern) == len(shape.words)
        assert all(own in (word, "<*>") for own, word in zip(pattern, shape.words, strict=True))
        assert [word for word in shape.words if word[-1].isdigit()] == [word for word in pattern if word[-1].isdigit()]
