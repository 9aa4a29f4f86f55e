"""``check``: the rules of publish for any number of skills, in every format, with no registry."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from everyskill_cli.cli.render.rules import RULES
from everyskill_cli.skill import files as files_module
from tests.commands import Commands, assert_failed, assert_json_failure, tree
from tests.conftest import Finished
from tests.hostile import FOLDERS
from tests.registries import write_skill

ROOT = Path(__file__).parent.parent
KEYS = ["AKIA" + "Q3EGR7MVKX2LNPTZ", "AKIA" + "Q3EGR7MVKX2LNPTA"]
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066\U000e0041]")
SHOWN = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm"}


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """A registry that cannot be opened, and a home that stays empty."""
    for name in ("EVERYSKILL_DATABASE_URL", "EVERYSKILL_STORE_URL"):
        monkeypatch.setenv(name, "nonsense")
    monkeypatch.setenv("R2_BUCKET_NAME", "")
    yield
    assert list(home.iterdir()) == []


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


def drawn(done: Finished) -> str:
    """What a run printed, without the weights that are left where there are no colours."""
    return re.sub("\x1b\\[[012]m", "", done.stdout)


def write(path: str, text: str) -> Path:
    """Write a file below the working folder."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def skill(path: str, name: str | None = None, more: str = "", body: str = "Do it.") -> Path:
    """Write a skill folder below the working folder."""
    name = Path(path).name if name is None else name
    head = f"---\nname: {name}\ndescription: Does it. Use it in tests.\n{more}---\n"
    return write(f"{path}/SKILL.md", f"{head}\n# Title\n\n{body}\n").parent


def bad_tree() -> dict[str, tuple[str, str | None, int | None]]:
    """Ten skills, each bad in its own way: what is said of each, by its path."""
    skill("skills/secret", body=f"key = {KEYS[0]}")
    (skill("skills/linked") / "passwd").symlink_to("/etc/passwd")
    write("skills/yaml/SKILL.md", "---\nname: [\n---\n")
    write("skills/open/SKILL.md", "---\nname: open\n")
    write("skills/twice/SKILL.md", "---\nname: a\nname: b\n---\nx\n")
    write("skills/empty/SKILL.md", "")
    write("skills/binary/SKILL.md", "---\nname: binary\n---\n\n\0\n")
    write("skills/windows/aux.md", "x")
    skill("skills/windows")
    write("skills/env/.env", "A=1")
    skill("skills/env")
    skill("skills/nameless", "'!!!'")
    Path("skills/nameless").rename("skills/!!!")
    return {
        "skills/secret": ("secret-aws-key-id", "SKILL.md", 8),
        "skills/linked": ("symlink", "passwd", None),
        "skills/yaml": ("invalid-frontmatter", "SKILL.md", 3),
        "skills/open": ("unclosed-frontmatter", "SKILL.md", 1),
        "skills/twice": ("duplicate-key", "SKILL.md", 3),
        "skills/empty": ("empty-file", "SKILL.md", None),
        "skills/binary": ("nul-character", "SKILL.md", 5),
        "skills/windows": ("windows-reserved", "aux.md", None),
        "skills/env": ("env-file", ".env", 1),
        "skills/!!!": ("no-slug", None, None),
    }


# What is found.


def test_good_skills_are_counted(cli: Commands) -> None:
    for name in ("a", "b", "c"):
        skill(f"skills/{name}")
    done = cli("check", "skills")
    assert (done.code, done.stdout, done.stderr) == (0, "3 skills: 3 ok\n", "")
    assert cli("check", "skills", env=SHOWN).stdout == "3 skills: 3 ok\n"


def test_ten_kinds_of_badness_are_told_apart_and_stop_no_good_skill(cli: Commands) -> None:
    expected = bad_tree()
    skill("skills/good")
    done = cli("check", "skills", "--json")
    assert (done.code, done.stderr, done.json["status"]) == (3, "", "refused")
    results = {result["path"]: result for result in done.json["results"]}
    assert results.keys() == expected.keys() | {"skills/good"}
    assert results["skills/good"]["error"] is None
    for path, said in expected.items():
        error = results[path]["error"]
        assert (results[path]["status"], error["type"], error["code"]) == (
            "refused",
            "InvalidSkill",
            3,
        )
        assert (error["rule"], error["path"], error["line"]) == said
        assert error["message"] and error["hint"]
    assert KEYS[0] not in done.stdout


def test_every_hostile_skill_is_refused_by_its_rule(cli: Commands, tmp_path: Path) -> None:
    expected = {}
    for hostile in FOLDERS:
        place = tmp_path / hostile.name
        place.mkdir()
        built = hostile.build(place)
        if hostile.rule != "missing-path":
            expected[str(built)] = hostile.rule
    done = cli("check", *expected, "--json")
    assert done.code == 3
    found = {result["path"]: result["error"] for result in done.json["results"]}
    assert {path: rule for path, rule in expected.items() if found[path]["rule"] != rule} == {}


def test_what_check_says_of_a_good_skill_is_what_publish_would_do(
    cli: Commands, tmp_path: Path
) -> None:
    folder = write_skill(tmp_path, refs__a_md="# A\n")
    registry = {
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/r.db",
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
        "EVERYSKILL_USER": "ann@example.org",
        "EVERYSKILL_HOME": f"{tmp_path}/home",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("R2_BUCKET_NAME")
        [published] = cli("publish", folder, "--json", env=registry).json["results"]
    [checked] = cli("check", folder, "--json").json["results"]
    same = ("path", "slug", "name", "description", "content_type", "content_hash", "size_bytes")
    for field in (*same, "files", "omitted"):
        assert checked[field] == published[field]


def test_everything_that_is_found_in_a_skill_is_said(cli: Commands) -> None:
    skill("demo", body="\n".join(KEYS), more="colour: red\nversion: 1\n")
    [result] = cli("check", "demo", "--strict", "--json").json["results"]
    problems = [result["error"], *result["others"]]
    assert [(p["rule"], p["line"]) for p in problems] == [
        ("secret-aws-key-id", 10),
        ("secret-aws-key-id", 11),
        ("unknown-key", 4),
        ("unknown-key", 5),
    ]
    ids = [re.findall(r"--allow-secret (\w+)", problem["hint"]) for problem in problems]
    assert [len(found) for found in ids] == [1, 1, 0, 0]
    allowed = [word for found in ids for name in found for word in ("--allow-secret", name)]
    done = cli("check", "demo", *allowed)
    assert done.code == 0
    assert [line.split("\t")[4] for line in done.stdout.splitlines() if "\t" in line] == [
        "unknown-key",
        "unknown-key",
    ]


def test_more_secrets_than_are_named_are_not_passed_over_in_silence(cli: Commands) -> None:
    skill("demo", body="\n".join(f"AKIA{letter}3EGR7MVKX2LNPTZ" for letter in "BCDEFGHIJKLM"))
    [result] = cli("check", "demo", "--json").json["results"]
    assert len(result["others"]) == 9
    assert "more" in result["others"][-1]["hint"]


def test_two_sources_of_one_slug_name_each_other(cli: Commands) -> None:
    skill("a/one", "demo")
    skill("b/two", "Demo")
    write("c.txt", "x")
    write("demo.txt", "x")
    done = cli("check", "a", "b", "c.txt", "demo.txt", "--json")
    results = {result["path"]: result for result in done.json["results"]}
    assert [result["status"] for result in results.values()] == ["refused"] * 2 + ["ok", "refused"]
    for path, result in results.items():
        if path != "c.txt":
            others = results.keys() - {path, "c.txt"}
            assert result["error"]["rule"] == "duplicate-slug"
            assert all(other in result["error"]["message"] for other in others)
            assert result["slug"] == "demo"
    assert results["demo.txt"]["error"]["path"] == "demo.txt"
    assert results["a/one"]["error"]["path"] == "SKILL.md"


def test_what_was_passed_by_is_a_warning(cli: Commands) -> None:
    skill("skills/good")
    write("skills/low/skill.md", "# Low\n")
    Path("skills/link").symlink_to("good")
    done = cli("check", "skills", "--json")
    assert (done.code, done.json["status"]) == (0, "ok")
    assert [(w["rule"], w["source"]) for w in done.json["warnings"]] == [
        ("link-passed-by", "skills/link"),
        ("skill-md-case", "skills/low/skill.md"),
    ]


def test_a_failing_disk_refuses_nobody(cli: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    skill("skills/good")
    broken = (skill("skills/other") / "SKILL.md").stat().st_ino
    read = os.read

    def failing(descriptor: int, count: int) -> bytes:
        if os.fstat(descriptor).st_ino == broken:
            raise OSError(5, "Input/output error")
        return read(descriptor, count)

    monkeypatch.setattr(files_module.os, "read", failing)
    done = cli("check", "skills", "--json")
    assert (done.code, done.json["status"]) == (6, "failed")
    assert [result["status"] for result in done.json["results"]] == ["ok", "failed"]
    assert done.json["results"][1]["error"]["type"] == "Unavailable"
    run = sarif(cli("check", "skills", "--format", "sarif").stdout)
    assert run["results"] == []
    [invocation] = run["invocations"]
    assert invocation["executionSuccessful"] is False
    [note] = invocation["toolExecutionNotifications"]
    assert "Input/output error" in note["message"]["text"]
    write("skills/bad/SKILL.md", "")
    assert cli("check", "skills").code == 3


# What is looked at.


def test_nothing_of_a_registry_is_loaded_or_opened(tmp_path: Path) -> None:
    write_skill(tmp_path, "demo")
    script = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event.startswith(('socket.', 'subprocess', 'os.mkdir', 'sqlite3.')):\n"
        "        raise SystemExit(event)\n"
        "sys.addaudithook(refuse)\n"
        "from everyskill_cli.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = ('sqlalchemy', 'boto3', 'rich', 'tomllib', 'everyskill_cli.database')\n"
        "print(code, [name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    command = [sys.executable, "-P", "-c", script, "check", str(tmp_path)]
    before = tree(tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("1 skill: 1 ok\n", "0 []\n")
    assert tree(tmp_path) == before


def test_an_empty_tree_is_refused(cli: Commands) -> None:
    Path("skills").mkdir()
    done = cli("check", "skills", "--json")
    assert done.code == 3
    assert [r["error"]["rule"] for r in done.json["results"]] == ["empty-folder"]


def test_what_is_excluded_is_not_looked_at(cli: Commands) -> None:
    bad_tree()
    skill("skills/good")
    skill("skills/old/bad", "[")
    write("skills/.everyskillignore", "/!*\n[elostwy]*\n")
    done = cli("check", "skills", "--exclude", "binary", "--exclude", "env", "--json")
    assert [result["path"] for result in done.json["results"]] == ["skills/good"]
    assert done.code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check"], "PATH"),
        (["check", "nowhere"], "nowhere does not exist"),
        (["check", "good", "nowhere"], "nowhere does not exist"),
        (["check", "good", "--format", "html"], "html"),
        (["check", "good", "--json", "--format", "github"], "--format github"),
        (["check", "good", "--exclude", "good"], "--exclude"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_cannot_be_meant(cli: Commands, words: list[str], says: str) -> None:
    skill("good")
    if "--json" not in words:
        assert_failed(cli(*words), 2, says)
    if "--format" not in words:
        for form in (["--json"], ["--format", "json"], ["--format=json"]):
            assert_json_failure(cli(*words, *form), 2, "UsageError")


# For people and pipes.


def test_a_pipe_gets_a_row_for_everything_and_the_count(cli: Commands) -> None:
    skill("skills/bad", body="\n".join(KEYS))
    skill("skills/good")
    skill("skills/warned", "other")
    done = cli("check", "skills")
    assert (done.code, done.stderr) == (3, "")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:5] for row in rows[:3]] == [
        ["refused", "skills/bad", "SKILL.md", "8", "secret-aws-key-id"],
        ["refused", "skills/bad", "SKILL.md", "9", "secret-aws-key-id"],
        ["warning", "skills/warned", "SKILL.md", "2", "name-not-folder"],
    ]
    assert {len(row) for row in rows[:3]} == {7}
    assert rows[3:] == [[""], ["3 skills: 2 ok, 1 refused, 1 warning"]]


def test_a_terminal_shows_each_file_and_line_with_what_to_do(cli: Commands) -> None:
    skill("skills/bad", body="\n".join(KEYS))
    skill("skills/warned", "other")
    for name in ("well", "better", "best"):
        skill(f"skills/{name}")
    shown = re.sub(" +\n", "\n", drawn(cli("check", "skills", env=SHOWN)))
    assert shown.startswith("refused skills/bad\n  skills/bad/SKILL.md:8  secret-aws-key-id")
    assert "  skills/bad/SKILL.md:9  secret-aws-key-id" in shown
    assert "Allow it: --allow-secret" in shown
    assert "\nwarning skills/warned\n  skills/warned/SKILL.md:2  name-not-folder" in shown
    assert shown.endswith("\n5 skills: 4 ok, 1 refused, 1 warning\n")
    assert not re.search("well|better|best", shown)


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_nothing_reaches_a_terminal_unfiltered(cli: Commands, form: str) -> None:
    folder = skill("skills/\x1b]0;owned\x07\u202e", more='"\\e[31m": x\n')
    (folder / "\x1b[2Jname\u202e").write_text("x")
    skill("skills/\u2066\U000e0041", more='"\\u202e": x\n')
    for strict in ([], ["--strict"]):
        for env in ({}, SHOWN):
            said = drawn(cli("check", "skills", "--format", form, *strict, env=env))
            assert not UNSAFE.search(said)


# GitHub's annotations.


def commands_of(output: str) -> list[tuple[str, dict[str, str], str]]:
    """Read workflow commands as GitHub's runner does: name, properties, message."""
    *lines, last = output.splitlines()
    assert re.fullmatch(r"[\d,]+ skills?: [\w ,]+", last)
    return [_command(line) for line in lines]


def _command(line: str) -> tuple[str, dict[str, str], str]:
    assert line.startswith("::")
    head, message = line[2:].split("::", 1)
    name, _, rest = head.partition(" ")
    pairs = dict(pair.split("=", 1) for pair in rest.split(","))
    return name, {key: _unescaped(value) for key, value in pairs.items()}, _unescaped(message)


def _unescaped(text: str) -> str:
    for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def test_annotations_stand_at_the_file_and_the_line(cli: Commands) -> None:
    skill("skills/bad", body=KEYS[0])
    skill("skills/warned", "other")
    (skill("skills/linked") / "refs").symlink_to("/etc")
    done = cli("check", "skills", "--format", "github")
    assert (done.code, done.stderr) == (3, "")
    found = commands_of(done.stdout)
    assert [(name, said.get("file"), said.get("line")) for name, said, _ in found] == [
        ("error", "skills/bad/SKILL.md", "8"),
        ("error", "skills/linked/refs", None),
        ("warning", "skills/warned/SKILL.md", "2"),
    ]
    assert found[0][1]["title"] == "everyskill: secret-aws-key-id"
    assert "\nRemove it, and revoke it" in found[0][2]


ATTACKS = [
    "x%0A::error::owned",
    "x\n::error::owned",
    "x\r\n::stop-commands::token",
    "x::set-env name=PATH::y",
    "x,line=1,file=README.md",
    "x:y=z%3A%2C%25",
    "##[error]owned",
    "::add-mask::e",
    "\u2028::error::owned",
    "x\x85::error::owned",
]


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
@pytest.mark.parametrize("strict", [[], ["--strict"]], ids=["", "strict"])
def test_no_foreign_text_makes_another_command(
    cli: Commands, attack: str, strict: list[str]
) -> None:
    quoted = json.dumps(attack)
    skill(f"skills/{attack}", quoted, f"{quoted}: {quoted}\n")
    skill("skills/file").joinpath(attack).write_text("x")
    secret = skill("skills/secret")
    (secret / "fine.md").write_text(f"{attack} {KEYS[0]}")
    done = cli("check", "skills", "--format", "github", *strict)
    raw = done.stdout.encode().split(b"\n")
    assert all(line.startswith((b"::error file=", b"::warning file=")) for line in raw[:-2])
    found = commands_of(done.stdout)
    assert {name for name, _, _ in found} <= {"error", "warning"}
    assert {frozenset(said) for _, said, _ in found} <= {
        frozenset({"file", "title"}),
        frozenset({"file", "line", "title"}),
    }
    assert all(said["title"].startswith("everyskill: ") for _, said, _ in found)
    assert all(said["file"].startswith("skills/") for _, said, _ in found)
    assert len(found) >= 3


def test_files_are_named_from_the_root_of_the_repository(
    cli: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    skill("repo/skills/bad", "[")
    write("repo/skills/one.json", "{")
    write("repo/SKILL.md", "")
    write("repo/skills/deploy/deploy", KEYS[0])
    skill("repo/skills/deploy")
    write("repo/skills/plain", "x")
    repo = Path("repo").resolve()

    def files(*paths: str | Path) -> set[str]:
        found = commands_of(cli("check", *paths, "--format", "github").stdout)
        return {said["file"] for _, said, _ in found}

    expected = {"skills/bad/SKILL.md", "skills/one.json", "skills/deploy/deploy", "skills/plain"}
    monkeypatch.chdir(repo / "skills")
    names = ["bad", "./one.json", "deploy/", "plain"]
    assert files(*names) == {name.removeprefix("skills/") for name in expected}
    monkeypatch.setenv("GITHUB_WORKSPACE", str(repo))
    assert files(*names) == expected
    monkeypatch.delenv("GITHUB_WORKSPACE")
    (repo / ".git").mkdir()
    assert files(*names) == expected
    assert files(repo / "skills/bad") == {"skills/bad/SKILL.md"}
    assert files("..") == {"SKILL.md"}
    monkeypatch.chdir(repo)
    assert files(".") == {"SKILL.md"}
    outside = write_skill(tmp_path, body=KEYS[0])
    assert files(outside) == {f"{outside}/SKILL.md"}


# SARIF.


def sarif(output: str) -> Any:
    """The one run of a SARIF log, with what the schema and code scanning need of it."""
    log = json.loads(output)
    assert log["$schema"] == "https://json.schemastore.org/sarif-2.1.0.json"
    assert (log["version"], log.keys()) == ("2.1.0", {"$schema", "version", "runs"})
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("everyskill", "0.1.0")
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and rule["help"]["text"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning")
        assert isinstance(result["message"]["text"], str)
        [location] = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert re.fullmatch(
            r"(?!/)[A-Za-z0-9._~%/-]+|file:///[A-Za-z0-9._~%/-]+",
            location["physicalLocation"]["artifactLocation"]["uri"],
        )
        [fingerprint] = result["partialFingerprints"].values()
        assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    return run


def test_sarif_says_where_and_why(cli: Commands) -> None:
    expected = bad_tree()
    skill("skills/warned", "other")
    done = cli("check", "skills", "--format", "sarif")
    assert (done.code, done.stderr) == (3, "")
    run = sarif(done.stdout)
    assert run["invocations"][0]["executionSuccessful"] is True
    found = {
        (
            place["artifactLocation"]["uri"],
            place["artifactLocation"]["uriBaseId"],
            place["region"]["startLine"],
            result["ruleId"],
            result["level"],
        )
        for result in run["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    }
    root = "%SRCROOT%"
    assert found == {
        (f"{path}/{file}" if file else path.replace("!", "%21"), root, line or 1, rule, "error")
        for path, (rule, file, line) in expected.items()
    } | {("skills/warned/SKILL.md", root, 2, "name-not-folder", "warning")}
    assert len({tuple(r["partialFingerprints"].values()) for r in run["results"]}) == 11


def test_sarif_encodes_paths_and_takes_no_text_for_a_link(cli: Commands) -> None:
    text = '"[x](https://example.org) {0}": y\n'
    skill("skills/a b%20ü#?", more=text)
    [first, second] = sarif(cli("check", "skills", "--format", "sarif").stdout)["results"]
    place = first["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "skills/a%20b%2520%C3%BC%23%3F/SKILL.md"
    said = second["message"]["text"] + first["message"]["text"]
    assert r"\[x\](https://example.org) {{0}}" in said


def test_a_finding_keeps_its_fingerprint_when_lines_move(cli: Commands) -> None:
    def fingerprints() -> dict[int, str]:
        results = sarif(cli("check", "demo", "--format", "sarif", "--strict").stdout)["results"]
        return {
            result["locations"][0]["physicalLocation"]["region"]["startLine"]: next(
                iter(result["partialFingerprints"].values())
            )
            for result in results
        }

    skill("demo", body="\n".join(KEYS), more="colour: red\n")
    before = fingerprints()
    assert len(set(before.values())) == 3
    skill("demo", body="A line more.\n" + "\n".join(KEYS), more="license: MIT\ncolour: red\n")
    after = fingerprints()
    assert list(after) == [11, 12, 5]
    assert list(before.values()) == list(after.values())
    skill("demo", body=KEYS[1], more="colour: red\n")
    assert fingerprints()[9] == before[10]


def rules_of_the_document() -> set[str]:
    """The rules that docs/bundles.md lists, but for those of archives from a store."""
    page = (ROOT / "docs/bundles.md").read_text(encoding="utf-8")
    kept, archives, rest = page.partition("Of an archive from a store alone:")
    text = kept.partition("## Rules that refuse")[2] + rest[rest.index("## Secrets") :]
    cells = re.findall(r"^\| ((?:`[a-z0-9][a-z0-9-]+`(?:, )?)+) \|", text, re.MULTILINE)
    assert archives
    return {rule for cell in cells for rule in re.findall(r"`([a-z0-9][a-z0-9-]+)`", cell)}


def test_every_rule_has_a_sentence_and_stands_in_the_document() -> None:
    assert rules_of_the_document() == set(RULES)


def test_every_rule_that_the_code_names_has_a_sentence() -> None:
    named = {
        rule
        for path in [
            *(ROOT / "everyskill_cli/skill").glob("*.py"),
            ROOT / "everyskill_cli/registry/publishing/check.py",
        ]
        for rule in re.findall(r'rule="([a-z0-9-]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert named <= set(RULES)


# Beside the answer.


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_a_summary_is_added_to_a_file_whatever_the_format(cli: Commands, form: str) -> None:
    bad_tree()
    report = write("report.md", "# Before\n")
    done = cli("check", "skills", "--format", form, "--summary", report)
    assert done.code == 3
    assert done.stdout == cli("check", "skills", "--format", form).stdout
    text = report.read_text()
    assert text.startswith("# Before\n")
    assert "skills/secret/SKILL.md:8" in html.unescape(text)


def test_a_summary_is_begun_by_no_command_line_that_means_nothing(cli: Commands) -> None:
    skill("skills/good")
    report = Path("report.md")
    for wrong in (["--format", "x"], ["--json", "--format", "sarif"], ["--frobnicate"]):
        assert cli("check", "skills", "--summary", report, *wrong).code == 2
        assert cli("publish", "skills", "--summary", report, "--jobs", "0").code == 2
        assert not report.exists()
    for command in ("check", "publish"):
        done = cli(command, "skills", "--summary", "skills")
        assert_failed(done, 2, "skills cannot be written: Is a directory.", f"{command} --help")


def test_the_hook_of_pre_commit_runs_this_command(cli: Commands) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["language"]) == ("everyskill-check", "python")
    assert hook["pass_filenames"] is False
    assert hook["types"] == []  # else a commit of nothing but a link would not be looked at
    program, *words = [*shlex.split(hook["entry"]), *hook["args"]]
    assert program == "everyskill"
    skill("skills/good")
    assert cli(*words).code == 0
    bad_tree()
    assert cli(*words).code == 3
