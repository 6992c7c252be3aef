"""The documents against the code: what is named here is there, and what is there is named."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from app.broker import QUEUES, TASKS
from app.settings import PREFIX, WELL_KNOWN, Settings

pytestmark = pytest.mark.house

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPERATIONS = DOCS / "operations.md"
DECISIONS = DOCS / "adr"

#: What makes a metric: its name and its labels, in these positions or under these keywords.
_METRICS = {"Counter", "Gauge", "Histogram", "Summary", "GaugeMetricFamily", "CounterMetricFamily"}
_LABEL_KEYWORDS = {"labels", "labelnames"}
#: `[text](target)` and `![text](target)`.
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1 *$", re.MULTILINE | re.DOTALL)
#: Where packages come from is the installer's business, and where this tree lies is nobody's. Put together from halves,
#: so that this file does not find itself.
_HOSTS = re.compile("|".join(("py" + r"pi\.org/simple", "files" + r"\.pythonhosted", "index" + r"-url\s*[= ]\s*http")))
_MACHINE_PATHS = re.compile(r"(?<![\w.<-])/(?:" + "|".join(("ro" + "ot", "wo" + "rk")) + r")/[\w.-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    name: str
    labels: tuple[str, ...]


def test_every_metric_is_documented_with_its_labels():
    rows = {cells[0].strip("` "): cells for cells in _table_rows(OPERATIONS)}
    metrics = list(_metrics())
    assert metrics, "no metric was found in the code: has the way they are made changed?"
    wrong = [
        metric
        for metric in metrics
        if metric.name not in rows or set(re.findall(r"`(\w+)`", rows[metric.name][2])) != set(metric.labels)
    ]
    assert wrong == []


def test_every_documented_metric_of_ours_exists():
    documented = {
        cells[0].strip("` ") for cells in _table_rows(OPERATIONS) if cells[1] in {"counter", "gauge", "histogram"}
    }
    ours = {name for name in documented if not name.startswith("flask_")}  # the exporter's own
    assert ours == {metric.name for metric in _metrics()}


def test_every_queue_is_documented():
    documented = {cells[0].strip("` ") for cells in _table_rows(OPERATIONS)}
    assert {queue for queues in QUEUES.values() for queue in queues} <= documented


def test_every_task_the_broker_names_is_one_of_the_worker():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "worker" / "tasks").glob("*.py")]
    registered = {name for source in sources for name in re.findall(r"task\(\s*name=\"([\w.]+)\"", source)}
    assert set(TASKS.values()) == registered


def test_every_setting_that_a_page_names_exists():
    sections = {name: set(getattr(Settings(), name).__class__.model_fields) for name in _sections()}
    variables = {f"{PREFIX}{section}__{name}".upper() for section, names in sections.items() for name in names}
    known = variables | set(WELL_KNOWN) | {f"{PREFIX}DATA_DIR", f"{PREFIX}CONFIG"}
    wrong = []
    for path in _tracked(".md"):
        text = path.read_text(encoding="utf-8")
        wrong += [name for name in re.findall(rf"`{PREFIX}([A-Z_]+)`", text) if not _is_known(PREFIX + name, known)]
        for section, name in re.findall(r"`(\w+)\.(\w+)`", text):
            if section in sections and name not in {"py", "conf"} and name not in sections[section]:
                wrong.append(f"{section}.{name}")
    assert wrong == []


def test_every_event_of_the_log_that_is_documented_is_written_somewhere():
    rows = [cells[0].strip("` ") for cells in _table_rows(OPERATIONS) if len(cells) == 2]
    events = [name for name in rows if re.fullmatch(r"[a-z]+(?:_[a-z]+)+|swept", name)]
    assert "analysis_accepted" in events
    code = "".join(
        path.read_text(encoding="utf-8") for room in ("app", "worker") for path in (ROOT / room).rglob("*.py")
    )
    assert [name for name in events if not re.search(rf'\(\s*"{name}"', code)] == []


def test_every_room_is_on_the_map():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = [path for parent in ("app", "worker") for path in (ROOT / parent).iterdir() if _is_room(path)]
    missing = [name for path in rooms if (name := _written(path)) not in text]
    assert missing == []


def test_every_room_on_the_map_is_there():
    table = {cells[0] for cells in _table_rows(DOCS / "architecture.md")}
    named = {name for cell in table for name in re.findall(r"`((?:app|worker|migrations|tests)/[\w./]*)`", cell)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_decision_is_listed():
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    decisions = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    rows = [f"| {int(path.name[:4])} | [{_title(path)}]({path.name}) |" for path in decisions]
    assert [row for row in rows if row not in index] == []
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))


def test_every_decision_tells_what_was_refused():
    wanted = ["Context", "Decision", "Consequences", "Refused"]
    for path in DECISIONS.glob("0*.md"):
        headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == wanted, path.name


def test_every_relative_link_leads_somewhere():
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in _tracked(".md")
        for target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8")))
        if not re.match(r"[a-z][a-z0-9+.-]*:", target) and not _leads_somewhere(path, target)
    ]
    assert broken == []


def test_no_file_names_a_package_index_or_a_path_of_some_machine():
    found = []
    for path in _tracked():
        for number, line in enumerate(_text_of(path).splitlines(), 1):
            hit = _HOSTS.search(line) or _MACHINE_PATHS.search(line)
            if hit:
                found.append(f"{path.relative_to(ROOT)}:{number}: {hit[0]}")
    assert found == []


def _metrics() -> Iterator[Metric]:
    """Every metric made in the code, read from its syntax: nothing has to run for it."""
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "worker").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        makers = _METRICS & _imported_from_prometheus(tree)  # there is a Counter in `collections`, too
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: the name is not written out"
                yield Metric(name=str(name.value), labels=_labels(node))


def _imported_from_prometheus(tree: ast.Module) -> set[str]:
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.name for node in imports if (node.module or "").startswith("prometheus_client") for name in node.names}


def _labels(call: ast.Call) -> tuple[str, ...]:
    given = [keyword.value for keyword in call.keywords if keyword.arg in _LABEL_KEYWORDS]
    value = given[0] if given else call.args[2] if len(call.args) > 2 else None
    return () if value is None else tuple(ast.literal_eval(value))


def _table_rows(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith("|-"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _sections() -> list[str]:
    return [name for name in Settings.model_fields if hasattr(getattr(Settings(), name), "model_fields_set")]


def _is_known(variable: str, known: set[str]) -> bool:
    # a mapping has names of its own
    own = (f"{PREFIX}TEST_", f"{PREFIX}KAFKA__PROPERTIES__")
    return variable in known or variable.startswith(own) or variable.endswith("_")


def _is_room(path: Path) -> bool:
    if path.is_dir():
        return any(path.glob("*.py"))
    return path.suffix == ".py" and path.name != "__init__.py"


def _written(path: Path) -> str:
    return f"`{path.relative_to(ROOT).as_posix()}{'/' if path.is_dir() else ''}`"


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")[2]


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    if not found.exists() or not found.is_relative_to(ROOT):
        return False
    return not anchor or found.suffix != ".md" or anchor in _anchors(found)


@cache
def _anchors(page: Path) -> frozenset[str]:
    """As code forges make them: lower case, words joined by hyphens, other marks dropped."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def _tracked(suffix: str = "") -> list[Path]:
    """What git has, or would have after `git add .`: a new page is held to the same."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if listed.returncode != 0:
        pytest.skip("not a git repository: what belongs to it is not known")
    names = [name for name in listed.stdout.split("\0") if name.endswith(suffix)]
    return [path for name in names if name and (path := ROOT / name).is_file()]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a picture
