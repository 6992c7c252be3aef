"""`prompts export` and `prompts import`: a directory of files for an editor and for version control.

DIR/<name>/<version>.<language>.md     one text with front matter
DIR/<name>/labels.yaml                 where the labels are, and the split
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import yaml

from app.cli import output
from app.cli.connection import connect
from app.cli.exits import Stop
from app.client import ApiError, NewVersion, Prompt, PromptVersion, RemotePrompts
from app.domain.analyses import Language
from app.domain.errors import PromptInvalid
from app.domain.prompts import PromptConfig
from app.domain.stored_prompts import LATEST
from app.pipeline.prompt_files import PromptFile, read, write
from app.pipeline.wording import problems

_LABELS = "labels.yaml"
#: Of a file; the server's own limit, `prompts.max_text_chars`, is far below.
_MOST_BYTES = 1_000_000


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.argument("names", nargs=-1, metavar="[NAME]...")
def export(*, directory: Path, names: tuple[str, ...]) -> None:
    """Write prompts into a directory, a file for each version and language.

    All of the project, or those named. Files there are written over, none is deleted.

    \b
      bifrost-cli prompts export prompts/
    """  # noqa: D301 - \b is click's: keep the lines
    remote = connect().prompts
    wanted = [remote.get(name) for name in names] if names else remote.list()
    count = 0
    try:
        for prompt in wanted:
            for path, content in _files(prompt, remote.versions(prompt.name)):
                target = directory / prompt.name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content, encoding="utf-8", newline="\n")
                count += 1
    except OSError as error:
        raise Stop(f"{error.filename}: {error.strerror}") from error
    output.note(f"{count} files written to {directory}.")


@click.command("import")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--labels", "with_labels", is_flag=True, help="Move labels and split as the files say, too.")
def import_(*, directory: Path, with_labels: bool) -> None:
    """Store what is in a directory and not yet on the server.

    A version that the server has is left alone; an edited file, or one without a version, becomes a new version. All
    files are read before anything is stored. Labels stay where they are without `--labels`.

    \b
      bifrost-cli prompts export prompts/ && $EDITOR prompts/triage/3.en.md
      bifrost-cli prompts import prompts/
    """  # noqa: D301 - \b is click's: keep the lines
    remote = connect().prompts
    found = _read(directory)
    if not found:
        raise Stop(f"{directory}: there is no prompt in it, such as NAME/1.en.md.")
    for name, drafts in sorted(found.items()):
        numbers = _stored(remote, drafts)
        if with_labels:
            _move(remote, name, _labels(directory / name / _LABELS), numbers)


def read_text(path: Path) -> str:
    """A file for people to write. Ends the command when it cannot be read."""
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise Stop(f"{path}: {size:,} bytes are no prompt. A text has some thousand characters.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Stop(f"{path}: {why}") from error


@dataclass(kw_only=True, slots=True)
class _Draft:
    """The files of one version."""

    path: Path
    files: list[PromptFile] = field(default_factory=list)

    @property
    def number(self) -> int | None:
        """The version they were exported from."""
        return self.files[0].version

    def new(self) -> NewVersion:
        """All its languages; what is said of the version is the same in each of them."""
        first = self.files[0]
        for other in self.files[1:]:
            if (other.description, other.config, other.version) != (first.description, first.config, first.version):
                raise Stop(f"{self.path.parent}: the files of one version differ in more than language and text.")
        return NewVersion(
            name=first.name,
            texts={file.language.value: file.text for file in self.files},
            description=first.description,
            max_output_tokens=first.config.max_output_tokens,
        )


def _files(prompt: Prompt, versions: Sequence[PromptVersion]) -> Iterator[tuple[str, str]]:
    for version in versions:
        for language, text in version.texts.items():
            file = PromptFile(
                name=version.name,
                version=version.version,
                language=Language(language),
                description=version.description,
                config=PromptConfig(max_output_tokens=version.max_output_tokens),
                text=text,
            )
            yield f"{version.version}.{language}.md", write(file)
    labels: dict[str, object] = {"labels": {name: at for name, at in prompt.labels.items() if name != LATEST}}
    if prompt.split:
        labels["split"] = dict(prompt.split)
    yield _LABELS, yaml.safe_dump(labels, sort_keys=False)


def _read(directory: Path) -> Mapping[str, Sequence[_Draft]]:
    """Name -> its versions, those with a number first and in their order. What comes with Bifrost is left out."""
    found: dict[tuple[str, str], _Draft] = {}
    for path in sorted(directory.glob("*/*.md")):
        try:
            file = read(read_text(path))
        except PromptInvalid as error:
            raise Stop(f"{path}: {error.detail}") from error
        if wrong := problems(file.text):
            raise Stop(f"{path}: {wrong[0]}")
        draft = found.setdefault((file.name, path.name.split(".")[0]), _Draft(path=path))
        if any(other.language == file.language for other in draft.files):
            raise Stop(f"{path}: {draft.path} is the same version in the same language.")
        draft.files.append(file)
    drafts = defaultdict(list)
    for (name, _), draft in sorted(found.items(), key=lambda one: (one[1].number is None, one[1].number or 0)):
        drafts[name].append(draft)
    return drafts


def _stored(remote: RemotePrompts, drafts: Sequence[_Draft]) -> Mapping[int, int]:
    """Number in the files -> number on the server."""
    name = drafts[0].files[0].name
    there = {version.version: _said(version) for version in _known(remote, name)}
    numbers: dict[int, int] = {}
    for draft in drafts:
        new = draft.new()
        if draft.number is not None and there.get(draft.number) == (dict(new.texts), new.max_output_tokens):
            numbers[draft.number] = draft.number
            continue
        try:
            stored = remote.create(new)
        except ApiError as error:
            raise Stop(f"{draft.path}: {error.detail} Nothing of this file or after it was stored.") from error
        if draft.number is not None:
            numbers[draft.number] = stored.version.version
        if stored.new:
            output.result(f"{name}@{stored.version.version}")
    return numbers


def _known(remote: RemotePrompts, name: str) -> Sequence[PromptVersion]:
    return remote.versions(name) if name in {one.name for one in remote.list()} else ()


def _said(version: PromptVersion) -> tuple[dict[str, str], int | None]:
    return dict(version.texts), version.max_output_tokens


def _labels(path: Path) -> Mapping[str, Mapping[str, int]]:
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise Stop(f"{path}: it is not YAML: {' '.join(str(error).split())}") from error
    parts = found if isinstance(found, dict) else {}
    if not all(
        isinstance(part, dict)
        and all(isinstance(name, str) and isinstance(number, int) for name, number in part.items())
        for part in parts.values()
    ) or not parts.keys() <= {"labels", "split"}:
        raise Stop(f"{path}: it must hold `labels: {{name: version}}`, and perhaps `split: {{label: weight}}`.")
    return parts


def _move(
    remote: RemotePrompts, name: str, wanted: Mapping[str, Mapping[str, int]], numbers: Mapping[int, int]
) -> None:
    before = remote.get(name)
    for label, number in wanted.get("labels", {}).items():
        if before.labels.get(label) != numbers.get(number, number):
            remote.label(name, label, numbers.get(number, number))
            output.note(f"{name}@{label} is version {numbers.get(number, number)}.")
    if (split := wanted.get("split")) and before.split != split:
        remote.split(name, split)
        output.note(f"{name} is shared out: {', '.join(f'{one}={weight}' for one, weight in split.items())}.")
