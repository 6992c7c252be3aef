"""Which logs the arguments stand for."""

import os
from pathlib import Path

import pytest

from app.cli.exits import Stop
from app.cli.inputs import Place, everything, places, read

pytestmark = pytest.mark.unit


def test_what_is_not_there_is_trouble_with_that_one_alone(tmp_path):
    good = tmp_path / "good.log"
    good.write_text("boom")
    found = list(places([str(good), str(tmp_path / "nope.log")]))
    assert [place.trouble for place in found] == [None, "no such file or directory."]


def test_an_empty_name_is_not_the_directory_we_are_in():
    (found,) = places([""])
    assert "Is a variable unset?" in (found.trouble or "")


def test_a_name_that_no_file_can_have_is_trouble():
    (found,) = places(["x" * 5000])
    assert found.trouble == "File name too long."


def test_an_empty_device_is_called_empty():
    (found,) = places(["/dev/null"])
    with pytest.raises(Stop, match="empty, there is nothing to analyze"):
        read(found)


def test_links_that_lead_out_of_a_directory_are_skipped_and_counted(tmp_path, capsys):
    (tmp_path / "secret.log").write_text("not asked for")
    directory = tmp_path / "logs"
    directory.mkdir()
    (directory / "a.log").write_text("boom")
    (directory / "current.log").symlink_to("a.log")
    (directory / "out.log").symlink_to(tmp_path / "secret.log")
    found = list(places([str(directory)]))
    assert found == [Place(name=str(directory / name), found=True) for name in ("a.log", "current.log")]
    assert f"{directory}: 1 of its links lead out of it, skipped" in capsys.readouterr().err


def test_a_directory_may_itself_be_a_link(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.log").write_text("boom")
    (tmp_path / "link").symlink_to(real)
    assert [place.name for place in places([str(tmp_path / "link")])] == [str(tmp_path / "link" / "a.log")]


def test_bytes_that_are_no_text_are_kept_for_the_server_to_count(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"caf\xe9\n")
    log = read(Place(name=str(path)))
    assert log
    assert (log.data, log.bytes_replaced) == (b"caf\xe9\n", 1)


def test_everything_named_like_a_log_is_found_and_what_is_none_has_its_trouble(tmp_path):
    inside = tmp_path / "logs"
    (inside / "deep.log").mkdir(parents=True)
    (inside / "deep.log" / "a.log").write_text("a")
    (inside / "none.log").mkdir()
    (inside / ".git").mkdir()
    (inside / ".git" / "x.log").write_text("hidden")
    (inside / "notes.md").write_text("none")
    (inside / "b.txt.gz").write_text("b")
    (inside / "gone.log").symlink_to("nowhere")
    (inside / "round.log").symlink_to("round.log")
    (tmp_path / "secret").write_text("outside")
    (inside / "out.log").symlink_to(tmp_path / "secret")
    os.mkfifo(inside / "pipe.log")
    found = {Path(place.name).relative_to(inside).as_posix(): place.trouble for place in everything(inside)}
    assert found == {
        "b.txt.gz": None,
        "deep.log/a.log": None,
        "gone.log": "a link that leads nowhere.",
        "none.log": "a directory, not a file.",
        "out.log": "a link that leads out of the directory.",
        "pipe.log": "not a regular file.",
        "round.log": "a link that leads nowhere.",
    }
