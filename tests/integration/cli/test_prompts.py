"""`prompts` and `feedback` against the real application over the real database."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.container import Container, build
from app.domain.analyses import Source, Submission
from app.settings import Settings
from tests.support.served_container import commanded

pytestmark = pytest.mark.integration


@pytest.fixture
def container(database_url) -> Iterator[Container]:
    made = build(Settings.model_validate({"database": {"url": database_url}}))
    yield made
    made.close()


@pytest.fixture
def run(container, tmp_path):
    """The command line, with a key for everything."""
    with commanded(container, tmp_path) as environ:
        yield lambda *words: CliRunner(env=environ).invoke(cli, [str(word) for word in words])


@pytest.fixture
def write(tmp_path):
    def one(text: str, name: str = "text.txt") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return one


def test_the_built_in_is_listed_and_shown(run):
    assert run("prompts", "list").stdout.split() == ["default", "0", "latest=0", "production=0"]
    shown = run("prompts", "show", "default", "--language", "ko")
    assert (shown.exit_code, shown.stdout.startswith("당신은 운영 중인 시스템의")) == (0, True)


def test_a_prompt_is_stored_labeled_shared_out_and_shown(run, write):
    made = run(
        "prompts", "create", "triage", "--en", write("one\n"), "--ko", write("하나\n", "ko"), "--label", "production"
    )
    assert (made.exit_code, made.stdout) == (0, "triage@1\n")
    again = run("prompts", "create", "triage", "--en", write("one\r\n"), "--ko", write("하나", "ko"))
    assert (again.stdout, "there already" in again.stderr) == ("triage@1\n", True)
    assert run("prompts", "create", "triage", "--en", write("two")).stdout == "triage@2\n"
    assert run("prompts", "show", "triage", "--language", "ko").stdout == "하나\n"
    assert run("prompts", "show", "triage@2", "--language", "en").stdout == "two\n"
    missing = run("prompts", "show", "triage@2", "--language", "ko")
    assert (missing.exit_code, "there is en" in missing.stderr) == (2, True)
    assert run("prompts", "label", "triage", "candidate", 2).exit_code == 0
    assert run("prompts", "split", "triage", "production=90", "candidate=10").exit_code == 0
    [_, row] = [json.loads(line) for line in run("prompts", "list", "--json").stdout.splitlines()]
    assert row["labels"] == {"candidate": 2, "latest": 2, "production": 1}
    assert row["split"] == {"candidate": 10, "production": 90}
    assert "split first" in run("prompts", "label", "triage", "candidate", "--remove").stderr
    assert run("prompts", "split", "triage", "--off").exit_code == 0
    assert run("prompts", "label", "triage", "candidate", "--remove").exit_code == 0
    newest, first = run("prompts", "versions", "triage").stdout.splitlines()
    assert newest.split()[:3] == ["2", "latest", "en"]
    assert first.split()[:3] == ["1", "production", "en,ko"]
    assert run("prompts", "delete", "triage").exit_code == 0
    gone = run("prompts", "show", "triage")
    assert (gone.exit_code, "prompt_not_found" in gone.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("create", "triage"), "--en FILE"),
        (("create", "triage", "--en", "nowhere.txt"), "nowhere.txt: No such file"),
        (("show", "Triage"), "NAME@LABEL"),
        (("label", "triage", "production"), "--remove"),
        (("split", "triage"), "--off"),
        (("split", "triage", "production"), "LABEL=WEIGHT"),
        (("import", "nowhere"), "does not exist"),
    ],
)
def test_what_is_wrong_is_said(run, words, told):
    done = run("prompts", *words)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_field_that_is_none_is_told_with_those_there_are(run, write):
    done = run("prompts", "create", "triage", "--en", write("{{secret}}"))
    assert done.exit_code == 2
    assert "no field secret; there are analysis_type, service_name, environment, language" in done.stderr


def test_files_come_back_byte_for_byte_on_another_server(run, write, container, tmp_path):
    run(
        "prompts", "create", "triage", "--en", write("one: {{service_name}}\n\n  kept\n"), "--ko", write("하나 —", "ko")
    )
    options = ("--description", 'what: is "new"', "--max-output-tokens", 500, "--label", "production")
    run("prompts", "create", "triage", "--en", write("two"), *options)
    run("prompts", "split", "triage", "production=9", "latest=1")
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("prompts", "export", first).exit_code == 0
    assert {str(path.relative_to(first)) for path in first.rglob("*.*")} == {
        "default/0.en.md", "default/0.ko.md", "default/labels.yaml",
        "triage/1.en.md", "triage/1.ko.md", "triage/2.en.md", "triage/labels.yaml",
    }  # fmt: skip
    assert run("prompts", "import", first, "--labels").stdout == ""  # all of it is there
    project = container.keys.list()[0].project_id
    with container.announcing._unit_of_work() as tx:
        tx._connection.exec_driver_sql("TRUNCATE prompts CASCADE")
    assert container.prompts.list(project)[0].name == "default"
    assert run("prompts", "import", first, "--labels").stdout == "triage@1\ntriage@2\n"
    assert run("prompts", "export", second).exit_code == 0
    for path in first.rglob("*.*"):
        assert (second / path.relative_to(first)).read_bytes() == path.read_bytes(), path


def test_an_edited_file_becomes_a_new_version(run, write, tmp_path):
    run("prompts", "create", "triage", "--en", write("one"), "--label", "production")
    run("prompts", "export", tmp_path / "out", "triage")
    file = tmp_path / "out" / "triage" / "1.en.md"
    file.write_bytes(file.read_bytes().replace(b"one", b"uno").replace(b"\n", b"\r\n"))
    assert run("prompts", "import", tmp_path / "out").stdout == "triage@2\n"
    assert run("prompts", "import", tmp_path / "out").stdout == ""
    assert run("prompts", "show", "triage", "--language", "en").stdout == "one\n"  # the label has not moved
    assert run("prompts", "show", "triage@latest", "--language", "en").stdout == "uno\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no front matter", "must begin with front matter"),
        ("---\nname: triage\n---\nx", "`language` must be one of"),
        ("---\nname: ../triage\nlanguage: en\n---\nx", "`name` must be"),
        ("---\nname: triage\nlanguage: en\nrun: this\n---\nx", "unknown fields: run"),
        ("---\nname: [\n---\nx", "not YAML"),
        ("---\nname: triage\nlanguage: en\nversion: one\n---\nx", "`version` must be"),
        ("---\nname: triage\nlanguage: en\n---\n{{nope}}", "There is no field nope"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_nothing_is_stored(run, tmp_path, content, told):
    directory = tmp_path / "in" / "triage"
    directory.mkdir(parents=True)
    (directory / "1.en.md").write_text("---\nname: triage\nlanguage: en\n---\nfine\n")
    (directory / "2.en.md").write_text(content)
    done = run("prompts", "import", tmp_path / "in")
    assert done.exit_code == 2
    assert "2.en.md" in done.stderr
    assert told in done.stderr
    assert len(run("prompts", "list").stdout.splitlines()) == 1


def test_a_file_that_is_no_prompt_is_not_sent(run, write):
    done = run("prompts", "create", "triage", "--en", write("x" * 1_000_001))
    assert (done.exit_code, "1,000,001 bytes are no prompt" in done.stderr) == (2, True)


def test_a_diagnosis_is_rated(run, container):
    project = container.keys.list()[0].project_id
    submitted = container.analyses.submit(Submission(project_id=project, log="ERROR x", source=Source.RULES))
    early = run("feedback", submitted.analysis.id, "up")
    assert (early.exit_code, "nothing_to_rate" in early.stderr) == (2, True)
    container.execution.prepare(submitted.analysis.id, owner="test")
    done = run("feedback", submitted.analysis.id, "down", "--comment", "no", "--json")
    assert (done.exit_code, json.loads(done.stdout)["comment"]) == (0, "no")
    assert run("feedback", submitted.analysis.id).stdout == "down: no\n"
    assert run("feedback", submitted.analysis.id, "--comment", "why").exit_code == 2
    assert run("prompts", "stats", "default").stderr.startswith("No analysis that used it")
