from app.state import State, read_state, write_state

STATE = State(url="http://127.0.0.1:8000", api_key="bf_a_b", database_url="postgresql://", redis_url="redis://", pid=7)


def test_what_is_written_is_read_and_is_private(tmp_path):
    write_state(tmp_path, STATE)
    assert read_state(tmp_path) == STATE
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("state.json", 0o600)]


def test_nothing_or_something_else_is_no_state(tmp_path):
    assert read_state(tmp_path) is None
    for content in ("", "{", "[]", '{"url": 1}', '{"other": 1}'):
        (tmp_path / "state.json").write_text(content)
        assert read_state(tmp_path) is None, content
