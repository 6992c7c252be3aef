"""The recipes of examples/ci: their own shell lines, against a real server."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.model_server import closed_port
from tests.support.stacks import Running

EXAMPLES = Path(__file__).parents[2] / "examples"
BASH = ("bash", "-e")
#: Exit codes after which the build's own result stands.
TOLERATED = (3, 5, 6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The two scripts of a pipeline, and how its engine starts them."""

    build: str
    diagnose: str
    starts: tuple[str, ...]
    #: Exit codes of `diagnose` that the engine itself forgives.
    forgiven: tuple[int, ...] = ()


def github() -> Recipe:
    document = yaml.safe_load((EXAMPLES / "ci" / "github-actions.yml").read_text(encoding="utf-8"))
    steps = {step.get("name"): step for step in document["jobs"]["build"]["steps"]}
    assert {steps[name]["shell"] for name in ("Build", "Diagnose")} == {"bash"}
    # as the runner starts `shell: bash`
    shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
    return Recipe(build=steps["Build"]["run"], diagnose=steps["Diagnose"]["run"], starts=shell)


def gitlab() -> Recipe:
    document = yaml.safe_load((EXAMPLES / "ci" / "gitlab-ci.yml").read_text(encoding="utf-8"))
    build, diagnose = document["build"], document["diagnose"]
    assert set(document["stages"]) == {build["stage"], diagnose["stage"]}
    forgiven = tuple(diagnose["allow_failure"]["exit_codes"])
    return Recipe(
        build="\n".join(build["script"]), diagnose="\n".join(diagnose["script"]), starts=BASH, forgiven=forgiven
    )


def jenkins() -> Recipe:
    text = (EXAMPLES / "ci" / "Jenkinsfile").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    build, diagnose = re.findall(r"'''(#!/usr/bin/env bash\n.*?)'''", text, re.DOTALL)
    (codes,) = re.findall(r"code in \[([\d, ]+)\]", text)
    # Groovy reads the escapes of a ''' string
    return Recipe(
        build=build.replace("\\\\", "\\"),
        diagnose=diagnose.replace("\\\\", "\\"),
        starts=("bash",),
        forgiven=tuple(map(int, codes.split(","))),
    )


RECIPES = {"github": github, "gitlab": gitlab, "jenkins": jenkins}


@pytest.fixture(scope="module")
def bifrost(everyday) -> Running:
    return everyday


@pytest.fixture(params=RECIPES)
def recipe(request) -> Recipe:
    return RECIPES[request.param]()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """A checkout with a build, and the variables its engine sets."""

    recipe: Recipe
    place: Path
    url: str
    key: str

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        engine = dict.fromkeys(("SERVICE", "CI_PROJECT_NAME", "JOB_BASE_NAME"), "demo")
        runs = dict.fromkeys(("RUN", "CI_JOB_ID", "BUILD_TAG"), f"run-{self.place.name}")
        environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.place),
            "BIFROST_DATA_DIR": str(self.place / "data"),
            "BIFROST_URL": self.url,
            "BIFROST_API_KEY": self.key,
            "BIFROST_CLIENT__TIMEOUT": "5",
            "INSTALL_BIFROST_FROM": "nothing-may-be-installed-here/",
            "GITHUB_STEP_SUMMARY": str(self.place / "summary.md"),
            **engine,
            **runs,
        }
        file = self.place / "step.sh"
        file.write_text(script, encoding="utf-8")
        return subprocess.run(
            [*self.recipe.starts, str(file)],
            cwd=self.place,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def build(self, log: str, *, code: int) -> subprocess.CompletedProcess[str]:
        """A `make` that prints this example and ends so."""
        text = (EXAMPLES / "logs" / log).read_text(encoding="utf-8")
        (self.place / "output.txt").write_text(text, encoding="utf-8")
        (self.place / "Makefile").write_text(f"all:\n\t@cat output.txt; exit {code}\n", encoding="utf-8")
        done = self.run(self.recipe.build)
        assert (self.place / "build.log").read_text(encoding="utf-8").startswith(text)
        return done

    def diagnose(self) -> subprocess.CompletedProcess[str]:
        return self.run(self.recipe.diagnose)


@pytest.fixture
def pipeline(recipe, bifrost, tmp_path) -> Pipeline:
    state = bifrost.stack.state
    return Pipeline(recipe=recipe, place=tmp_path, url=state.url, key=state.api_key)


def test_a_build_that_fails_stays_failed_and_is_explained(pipeline):
    assert pipeline.build("kubernetes-oom-crash-loop.log", code=1).returncode == 2, "that of make, not of tee"
    done = pipeline.diagnose()
    assert done.returncode == 4, done.stderr
    assert "OOMKilled" in done.stdout
    assert pipeline.diagnose().stdout == done.stdout, "the same run asks once"


def test_a_build_that_is_well_stays_so(pipeline):
    assert pipeline.build("healthy-service.log", code=0).returncode == 0
    done = pipeline.diagnose()
    assert done.returncode == 0, done.stderr


def test_a_server_that_is_away_breaks_no_build(recipe, tmp_path):
    pipeline = Pipeline(recipe=recipe, place=tmp_path, url=f"http://127.0.0.1:{closed_port()}", key="bf_none_none")
    pipeline.build("healthy-service.log", code=0)
    done = pipeline.diagnose()
    assert done.returncode in {0, *recipe.forgiven}, done.stderr
    assert "cannot be reached" in done.stderr


def test_a_wrong_key_is_not_taken_for_a_server_that_is_away(recipe, bifrost, tmp_path):
    pipeline = Pipeline(recipe=recipe, place=tmp_path, url=bifrost.stack.state.url, key="bf_none_none")
    pipeline.build("healthy-service.log", code=0)
    assert pipeline.diagnose().returncode == 2


def test_github_shows_annotations_and_a_summary(bifrost, tmp_path):
    state = bifrost.stack.state
    pipeline = Pipeline(recipe=github(), place=tmp_path, url=state.url, key=state.api_key)
    pipeline.build("kubernetes-oom-crash-loop.log", code=1)
    assert pipeline.diagnose().stdout.startswith("::error ")
    assert "OOMKilled" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_every_recipe_forgives_the_same_and_the_readme_says_so():
    assert gitlab().forgiven == jenkins().forgiven == TOLERATED
    assert " | ".join(map(str, TOLERATED)) + ")" in github().diagnose
    readme = (EXAMPLES / "ci" / "README.md").read_text(encoding="utf-8")
    assert f"| {', '.join(map(str, TOLERATED))} | goes on" in readme


def test_no_recipe_lets_text_of_a_stranger_into_a_script():
    """What stands in `${{ }}` of a script is put into it before the shell reads it."""
    for recipe in (make() for make in RECIPES.values()):
        for script in (recipe.build, recipe.diagnose):
            assert "${{" not in script
