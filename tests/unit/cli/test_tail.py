from app.cli.tail import LogTail

QUIET = '{"event": "analysis_submitted", "level": "info", "analysis_id": 7}\n'
LOUD = '{"event": "provider_failed", "level": "warning", "provider": "ollama", "timestamp": "2026"}\n'


def tail(directory, **more) -> LogTail:
    (directory / "web.log").write_text("Traceback of last time\n")
    return LogTail(directory, **more)


def append(directory, text, name="web.log"):
    with (directory / name).open("a") as stream:
        stream.write(text)


def test_only_new_warnings_are_shown_and_readably(tmp_path):
    lines = tail(tmp_path)
    append(tmp_path, QUIET + LOUD)
    assert list(lines.new_lines()) == ["web        │ WARNING provider_failed provider=ollama"]
    assert not list(lines.new_lines())


def test_everything_is_shown_when_asked_for(tmp_path):
    lines = tail(tmp_path, everything=True)
    append(tmp_path, QUIET + "plain\n")
    shown = ["web        │ INFO    analysis_submitted analysis_id=7", "web        │ plain"]
    assert list(lines.new_lines()) == shown


def test_a_line_is_shown_once_it_is_whole(tmp_path):
    lines = tail(tmp_path)
    append(tmp_path, LOUD[:20])
    assert not list(lines.new_lines())
    append(tmp_path, LOUD[20:])
    assert len(list(lines.new_lines())) == 1


def test_other_programs_mark_their_errors_too(tmp_path):
    lines = tail(tmp_path)
    append(tmp_path, "LOG:  ready\nFATAL:  no\n", name="postgres.log")
    append(tmp_path, "[ERROR] Worker failed to boot\nValueError: x\n")
    assert [line.partition("│ ")[2] for line in lines.new_lines()] == [
        "FATAL:  no",
        "[ERROR] Worker failed to boot",
        "ValueError: x",
    ]


def test_a_log_that_was_put_aside_is_read_anew(tmp_path):
    lines = tail(tmp_path)
    (tmp_path / "web.log").write_text("FATAL: 1\n")
    assert len(list(lines.new_lines())) == 1


def test_something_that_only_looks_like_json_is_text(tmp_path):
    lines = tail(tmp_path, everything=True)
    append(tmp_path, "{not json\n")
    assert list(lines.new_lines()) == ["web        │ {not json"]


def test_what_was_skipped_is_never_shown(tmp_path):
    lines = tail(tmp_path)
    append(tmp_path, "FATAL: starting up\n", name="postgres.log")
    lines.skip("postgres", "unknown")
    append(tmp_path, "FATAL: later\n", name="postgres.log")
    assert list(lines.new_lines()) == ["postgres   │ FATAL: later"]
