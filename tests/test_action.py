"""The GitHub action: its own shell, run with what the runner would give it, and the workflows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in ACTION["runs"]["steps"]}
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
CI = ROOT / "docs" / "ci"
WORKFLOWS = sorted(CI.glob("github-*.yml"))
OURS = "OWNER/everyskill@COMMIT"


@dataclass(frozen=True)
class Ran:
    """What a step left."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


class Runner:
    """A job's machine: a workspace, and the files that a runner gives to a step."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "work space"
        self.temp = folder / "temp"
        self.action = ROOT
        self.environment = {
            "EVERYSKILL_DATABASE_URL": f"sqlite:///{folder}/registry.db",
            "EVERYSKILL_STORE_URL": f"file://{folder}/store",
            "EVERYSKILL_USER": "ci@example.org",
        }
        self.files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        self.programs = folder / "bin"
        for path in (self.workspace, self.temp, self.programs):
            path.mkdir()
        for name, module in (("everyskill", "-m everyskill_cli"), ("python", "")):
            program = self.programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P {module} "$@"\n')
            program.chmod(0o755)

    def skill(self, name: str, text: str | None = None) -> Path:
        """Write a skill into the workspace."""
        path = self.workspace / "skills" / name / "SKILL.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            text = f"---\nname: {name}\ndescription: Use it for {name} in tests.\n---\nDo it.\n"
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(self, inputs: Mapping[str, str], step: str = "run") -> Ran:
        """Run one step as the runner does: its variables evaluated, its script in bash."""
        for file in self.files.values():
            file.write_text("")
        given = {name: each.get("default", "") for name, each in ACTION["inputs"].items()}
        assert inputs.keys() <= given.keys()
        values = {f"inputs.{name}": value for name, value in (given | dict(inputs)).items()}
        values["steps.install.outputs.bin"] = str(self.programs)
        script = self.temp / "step.sh"
        script.write_text(STEPS[step]["run"], encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
            cwd=self.workspace,
            env=os.environ
            | self.environment
            | {
                "GITHUB_WORKSPACE": str(self.workspace),
                "GITHUB_ACTION_PATH": str(self.action),
                "RUNNER_TEMP": str(self.temp),
                **{name: str(path) for name, path in self.files.items()},
                **{
                    name: EXPRESSION.sub(lambda match: values[match[1]], value)
                    for name, value in STEPS[step]["env"].items()
                },
            },
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        output = self.files["GITHUB_OUTPUT"].read_text(encoding="utf-8")
        outputs = dict(line.split("=", 1) for line in output.splitlines())
        summary = self.files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        return Ran(done.returncode, done.stdout, outputs, summary)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    runner = Runner(tmp_path)
    for name in ("one", "two"):
        runner.skill(name)
    return runner


def counts(ran: Ran) -> tuple[str, ...]:
    return tuple(ran.outputs[name] for name in ("published", "unchanged", "refused", "failed"))


# What it does.


def test_publish_and_publish_again(runner: Runner) -> None:
    first = runner({})
    assert (first.code, counts(first)) == (0, ("2", "0", "0", "0")), first.log
    assert first.summary.startswith("### everyskill publish: 2 published\n")
    again = runner({"paths": "skills"})
    assert (again.code, counts(again)) == (0, ("0", "2", "0", "0"))
    runner.skill("one").write_text("---\nname: one\ndescription: Another one.\n---\nDo.\n")
    third = runner({"paths": "  skills/one  \n\nskills/two\n", "message": "Why"})
    assert (third.code, counts(third)) == (0, ("1", "1", "0", "0"))
    assert '"version": 2' in Path(third.outputs["json"]).read_text()


def test_a_bad_skill_is_reported_and_is_the_steps_exit_code(runner: Runner) -> None:
    runner.skill("bad", "---\nname: [\n---\n")
    ran = runner({"paths": "skills"})
    assert (ran.code, counts(ran)) == (10, ("2", "0", "1", "1")), ran.log
    assert ran.summary.startswith("### everyskill publish: 1 refused, 2 published\n")
    assert "refused skills/bad: " in ran.log


def test_one_bad_skill_alone_has_no_answer_and_is_reported(runner: Runner) -> None:
    runner.skill("bad", "---\nname: [\n---\n")
    ran = runner({"paths": "skills/bad"})
    assert (ran.code, counts(ran)) == (3, ("0", "0", "0", "1"))
    assert ran.outputs["json"] == ""
    assert ran.summary.startswith("### everyskill publish: exit code 3\n\n<pre>")
    assert "SKILL&#46;md" in ran.summary
    assert "SKILL.md" in ran.log


def test_half_a_configuration_is_reported(runner: Runner) -> None:
    runner.environment |= {"EVERYSKILL_DATABASE_URL": "", "R2_BUCKET_NAME": "skills"}
    ran = runner({})
    assert (ran.code, counts(ran)) == (8, ("0", "0", "0", "1"))
    assert "exit code 8" in ran.summary


def test_check_needs_no_registry_and_annotates(runner: Runner) -> None:
    runner.environment = {"EVERYSKILL_DATABASE_URL": "nonsense:"}
    ran = runner({"command": "check"})
    assert (ran.code, counts(ran)) == (0, ("0", "2", "0", "0")), ran.log
    runner.skill("bad", "---\nname: [\n---\n")
    ran = runner({"command": "check", "paths": "skills", "strict": "true"})
    assert (ran.code, counts(ran)) == (3, ("0", "2", "1", "1"))
    assert re.search(r"^::error file=skills/bad/SKILL\.md,line=\d+,", ran.log, re.MULTILINE)
    assert ran.summary.startswith("### everyskill check: 1 refused, 2 ok\n")


def test_a_dry_run_writes_nothing_and_the_report_for_a_comment_grows(runner: Runner) -> None:
    comment = runner.temp / "a folder" / "comment.md"
    check = runner({"command": "check", "summary-file": str(comment)})
    ran = runner({"dry-run": "true", "summary-file": str(comment)})
    assert (ran.code, counts(ran)) == (0, ("2", "0", "0", "0")), ran.log
    assert ran.outputs["summary-file"] == str(comment)
    assert comment.read_text() == check.summary + ran.summary
    assert "(dry run): 2 would be published" in ran.summary
    assert counts(runner({})) == ("2", "0", "0", "0")


def test_options_reach_the_program(runner: Runner) -> None:
    ran = runner({"exclude": "two\n", "draft": "true", "fail-fast": "true", "strict": "true"})
    assert (ran.code, counts(ran)) == (0, ("1", "0", "0", "0")), ran.log
    assert "kept as draft" in ran.summary


# What it must not do.


HOSTILE = [
    "$(touch proof)",
    "`touch proof`",
    "a; touch proof",
    "' ; touch proof ; '",
    '" ; touch proof ; "',
    "a && touch proof",
    "--slug=evil",
    "-m",
    "${{ github.token }}",
    "*",
    "~",
    "a\\",
    "%0A::error::a",
    "::error::a",
    "a b  c",
    "\\$HOME $HOME",
]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, marks=() if number % 3 == 0 else pytest.mark.long)
        for number, value in enumerate(HOSTILE)
    ],
)
def test_no_value_is_run(runner: Runner, value: str) -> None:
    """As a path, a pattern and a file's name each value is only itself."""
    odd = runner.workspace / value / "SKILL.md"
    if "/" not in value:
        odd.parent.mkdir()
        odd.write_text("---\nname: odd\ndescription: Use it in tests.\n---\nDo it.\n")
    before = {path.name for path in runner.workspace.iterdir()}
    ran = runner({"paths": value, "message": value, "summary-file": value + ".md"})
    assert (ran.code, counts(ran)) == (0, ("1", "0", "0", "0")), ran.log
    assert (runner.workspace / (value + ".md")).read_text() == ran.summary
    ran = runner({"exclude": f"x/{value}x"})
    assert ran.code == 0, ran.log
    assert {path.name for path in runner.workspace.iterdir()} == before | {value + ".md"}
    assert not re.search("^::error", ran.log, re.MULTILINE)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"command": "rate"}, "neither publish nor check"),
        ({"command": "publish\ntouch proof"}, "neither publish nor check"),
        ({"strict": "$(touch proof)"}, "strict is neither true nor false"),
        ({"draft": "yes"}, "draft is neither true nor false"),
        ({"command": "check", "dry-run": "true"}, "are for publish alone"),
        ({"command": "check", "message": "why"}, "are for publish alone"),
        ({"paths": " \n\n "}, "paths is empty"),
        ({"summary-file": "a\nfailed=0"}, "more than one line"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(
    runner: Runner, inputs: dict[str, str], said: str
) -> None:
    ran = runner(inputs)
    assert (ran.code, ran.outputs, ran.summary) == (2, {}, "")
    assert ran.log.startswith("::error title=everyskill::The input")
    assert said in ran.log
    assert {path.name for path in runner.workspace.iterdir()} == {"skills"}


def test_a_path_that_does_not_exist_is_reported(runner: Runner) -> None:
    ran = runner({"paths": "no/such"})
    assert (ran.code, counts(ran)) == (2, ("0", "0", "0", "1"))
    assert "no/such does not exist" in ran.log


def test_names_in_the_log_are_no_commands(runner: Runner) -> None:
    runner.skill("::add-mask::x\n::set-output name=a::b", "---\nname: [\n---\n")
    ran = runner({"paths": "skills"})
    assert ran.code == 10
    lines = ran.log.splitlines()
    stop = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", lines[0])
    assert stop
    assert lines[-1] == f"::{stop[1]}::"
    assert not any(line.startswith("::") for line in lines[1:-1])


def test_no_expression_stands_in_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["run"].startswith("set -euo pipefail\n")
        assert step["shell"] == "bash"


def test_every_input_and_output_is_used_and_described() -> None:
    used = {
        match
        for step in STEPS.values()
        for value in step["env"].values()
        for match in EXPRESSION.findall(value)
    }
    assert {name for name in used if name.startswith("inputs.")} == {
        f"inputs.{name}" for name in ACTION["inputs"]
    }
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.run.outputs.{name} }}}}"
        assert f'"{name}":' in STEPS["run"]["run"]
    assert all(
        each["description"] for each in (*ACTION["inputs"].values(), *ACTION["outputs"].values())
    )


# Installing. The package here is a small one that needs no network: the step is the real one.

BACKEND = """
import zipfile
WHEEL = "everyskill-9.9-py3-none-any.whl"
def get_requires_for_build_wheel(config_settings=None):
    return []
def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "everyskill-9.9.dist-info/"
    files = {
        "stand_in.py": "def run():\\n    print('stand-in')\\n",
        info + "METADATA": "Metadata-Version: 2.1\\nName: everyskill\\nVersion: 9.9\\n"
        "Provides-Extra: postgres\\n",
        info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\n"
        "Tag: py3-none-any\\n",
        info + "entry_points.txt": "[console_scripts]\\neveryskill = stand_in:run\\n",
    }
    with zipfile.ZipFile(folder + "/" + WHEEL, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(info + "RECORD", "".join(f"{name},,\\n" for name in files))
    return WHEEL
"""


@pytest.fixture
def package(runner: Runner, tmp_path: Path) -> Path:
    """A checkout of the action with a package that is built without anything else."""
    folder = tmp_path / "an action"
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    runner.action = folder
    runner.environment |= {"PIP_NO_INDEX": "1"}
    return folder


def test_the_package_of_the_action_is_installed_once(runner: Runner, package: Path) -> None:
    ran = runner({}, step="install")
    assert ran.code == 0, ran.log
    program = Path(ran.outputs["bin"]) / "everyskill"
    assert subprocess.check_output([program], text=True) == "stand-in\n"
    (package / "backend.py").write_text("raise SystemExit('built again')")
    assert runner({}, step="install") == ran
    assert list(runner.workspace.iterdir()) == [runner.workspace / "skills"]


@pytest.mark.long
def test_a_package_that_cannot_be_installed_ends_the_step(runner: Runner, package: Path) -> None:
    (package / "backend.py").write_text("raise SystemExit('broken')")
    ran = runner({}, step="install")
    assert (ran.code != 0, ran.outputs) == (True, {})
    (package / "backend.py").write_text(BACKEND)
    assert runner({}, step="install").code == 0


@pytest.mark.parametrize(
    "version", ["1.0 --index-url=https://evil.example", "$(touch proof)", "@x"]
)
def test_a_version_is_only_a_version(runner: Runner, version: str) -> None:
    ran = runner({"version": version}, step="install")
    assert (ran.code, ran.log) == (
        2,
        "::error title=everyskill::The input version is not a version.\n",
    )


@pytest.mark.long
def test_a_version_that_is_nowhere_ends_the_step(runner: Runner, package: Path) -> None:
    assert runner({"version": "0.0.0"}, step="install").code != 0


def test_a_machine_without_python_is_told_what_to_do(runner: Runner) -> None:
    for name in ("bash", "cat"):
        found = next(
            Path(f) / name
            for f in os.environ["PATH"].split(os.pathsep)
            if (Path(f) / name).exists()
        )
        (runner.temp / name).symlink_to(found)
    old = runner.temp / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    runner.environment["PATH"] = str(runner.temp)
    ran = runner({}, step="install")
    assert ran.code == 2
    assert "actions/setup-python" in ran.log


# The workflows to copy.


def parsed(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key `on` as true."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in parsed(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_what_the_action_has(path: Path) -> None:
    ours = {step["id"]: step for step in steps(path) if step.get("uses") == OURS}
    assert ours
    for step in ours.values():
        assert step["with"].keys() <= ACTION["inputs"].keys()
        assert all(isinstance(value, str) for value in step["with"].values())
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", text)
    assert used
    for name, output in used:
        assert name in ours
        assert output in ACTION["outputs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_asks_for_little(path: Path) -> None:
    content = parsed(path)
    assert content["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in content[True]
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 30
        assert set(job.get("permissions", {})) <= {"contents", "pull-requests"}
    for step in steps(path):
        uses = step.get("uses", OURS)
        assert uses == OURS or re.fullmatch(r"actions/[a-z-]+@v\d+", uses), uses
        assert "${{" not in step.get("run", "")
        if uses.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("earlier", ["", "41"])
def test_a_pull_request_gets_one_comment(runner: Runner, earlier: str) -> None:
    """With a program in gh's place that says how it was called."""
    [script] = [step["run"] for step in steps(CI / "github-pull-request.yml") if "run" in step]
    report = runner.temp / "report.md"
    report.write_text("### everyskill\n")
    program = runner.programs / "gh"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *--paginate*) echo {earlier};; *) printf "%s\\n" "$@";; esac\n'
    )
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        env=os.environ
        | {
            "PATH": f"{runner.programs}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "acme/skills",
            "NUMBER": "7",
            "REPORT": str(report),
            "RUNNER_TEMP": str(runner.temp),
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    body = runner.temp / "body.md"
    assert body.read_text() == "<!-- everyskill -->\n### everyskill\n"
    words = done.stdout.splitlines()
    if earlier:
        assert words[2:] == [
            "--method",
            "PATCH",
            "repos/acme/skills/issues/comments/41",
            "--field",
            f"body=@{body}",
        ]
    else:
        assert words[:3] == ["pr", "comment", "7"]
        assert words[-2:] == ["--body-file", str(body)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_sets_every_variable_of_a_team(path: Path) -> None:
    for step in steps(path):
        if step.get("uses") == OURS and step["with"].get("command") != "check":
            assert set(step["env"]) == {
                "EVERYSKILL_DATABASE_URL",
                "EVERYSKILL_USER",
                "R2_ENDPOINT",
                "R2_BUCKET_NAME",
                "R2_ACCESS_KEY_ID",
                "R2_SECRET_ACCESS_KEY",
            }
        else:
            assert not any("secrets." in value for value in step.get("env", {}).values())


def test_the_jobs_of_gitlab_run(runner: Runner) -> None:
    jobs = {name: job for name, job in parsed(CI / "gitlab-ci.yml").items() if "script" in job}
    assert list(jobs) == ["check-skills", "preview-skills", "publish-skills"]
    reports = {}
    for name, job in jobs.items():
        assert all(job["extends"] in parsed(CI / "gitlab-ci.yml") for _ in job["rules"])
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join(job["script"])],
            cwd=runner.workspace,
            env=os.environ
            | runner.environment
            | {
                "PATH": f"{runner.programs}{os.pathsep}{os.environ['PATH']}",
                "CI_PROJECT_URL": "https://gitlab.com/acme/skills",
                "CI_COMMIT_SHA": "a" * 40,
                "CI_PROJECT_DIR": str(runner.workspace),
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        [report] = job["artifacts"]["paths"]
        reports[name] = (runner.workspace / report).read_text(encoding="utf-8").splitlines()[0]
    assert reports == {
        "check-skills": "### everyskill check: 2 ok",
        "preview-skills": "### everyskill publish (dry run): 2 would be published",
        "publish-skills": "### everyskill publish: 2 published",
    }
    shown = subprocess.run(
        [runner.programs / "everyskill", "show", "one"],
        env=os.environ | runner.environment,
        capture_output=True,
        text=True,
    )
    source = f"source: https://gitlab.com/acme/skills@{'a' * 40} skills/one"
    assert source in shown.stdout.splitlines()
    assert f"message: https://gitlab.com/acme/skills/-/commit/{'a' * 40}" in shown.stdout


def test_the_page_names_every_input_output_and_workflow() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
    named = {name for row in tables for name in re.findall(r"`([a-z-]+)`", row)}
    assert ACTION["inputs"].keys() | ACTION["outputs"].keys() <= named
    assert {path.name for path in CI.iterdir()} == set(re.findall(r"^\| \[ci/(.+?)\]", page, re.M))
