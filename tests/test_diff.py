"""``diff``: what is compared with what, what is said of it, and how little is fetched for it."""

from __future__ import annotations

import difflib
import io
import json
import random
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyskill_cli.cli import render
from everyskill_cli.database.engine import Database
from everyskill_cli.database.queries import records, skills, versions
from everyskill_cli.model import DiffAnswer, FileDiff, FileEntry
from everyskill_cli.registry import events
from everyskill_cli.registry.comparing import patches
from everyskill_cli.registry.comparing.diff import diff
from everyskill_cli.registry.comparing.fields import changed_fields, fields_of
from everyskill_cli.registry.comparing.patches import LineComparer
from everyskill_cli.registry.manifests import changed_files, compared
from tests.commands import Commands, assert_failed, assert_json_failure
from tests.conftest import Everyskill
from tests.registries import write_skill
from tests.samples import Terminal, filled
from tests.servers.faults import Fault, FaultProxy
from tests.servers.relay import Exchange, Relay
from tests.servers.s3 import S3Server
from tests.test_terminal_safety import HIDDEN, PAYLOADS, SGR, check

ANN = "ann@example.org"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("EVERYSKILL_USER", ANN)
    return Commands(capsys)


@pytest.fixture
def local(cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty registry of SQLite and a folder."""
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path / "registry"))
    return tmp_path / "registry"


@pytest.fixture(params=["sqlite and a folder", "postgresql and s3"])
def registry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty registry; the test runs once on every kind."""
    if request.param.startswith("sqlite"):
        request.getfixturevalue("local")
        return
    cli = request.getfixturevalue("cli")
    environment = request.getfixturevalue("s3_environment")
    environment["EVERYSKILL_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli("upgrade").code == 0


def publish(cli: Commands, folder: Path, *options: str) -> None:
    done = cli("publish", folder, *options)
    assert done.code == 0, done.stderr


def answer_of(cli: Commands, *words: str | Path) -> dict[str, Any]:
    done = cli("diff", *words, "--json")
    assert (done.code, done.stderr) == (0, "")
    answer: dict[str, Any] = done.json
    return answer


def sides(answer: dict[str, Any]) -> tuple[Any, ...]:
    """What was compared: numbers of versions, or paths."""
    return tuple(answer[side]["version"] or answer[side]["path"] for side in ("before", "after"))


@pytest.fixture
def demo(cli: Commands, tmp_path: Path) -> Path:
    """The folder of a skill with two published versions and a third as the draft."""
    folder = write_skill(tmp_path, "demo", "One.", a="a\n", b="b\n")
    publish(cli, folder)
    write_skill(tmp_path, "demo", "Two.")
    publish(cli, folder)
    write_skill(tmp_path, "demo", "Three.", c="c\n")
    publish(cli, folder, "--draft")
    return folder


# What is compared with what.

FORMS: list[tuple[str, tuple[object, object]]] = [
    ("demo@1 demo@3", (1, 3)),
    ("demo@3 demo@1", (3, 1)),
    ("demo@1 demo", (1, 2)),
    ("demo demo@3", (2, 3)),
    ("demo@1 demo@latest", (1, 3)),
    ("demo@published demo@draft", (2, 3)),
    ("demo", (2, 3)),
    ("demo@2", (1, 2)),
    ("demo@latest", (2, 3)),
    ("demo@published", (1, 2)),
    ("demo@2 ./demo", (2, "./demo")),
    ("./demo demo@2", ("./demo", 2)),
    ("demo@2 demo/SKILL.md", (2, "demo/SKILL.md")),
    ("./demo", (3, "./demo")),
    ("./demo other.md", ("./demo", "other.md")),
]


def test_every_form_compares_what_it_says(
    cli: Commands, registry: None, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo.parent)
    Path("other.md").write_text("# Other\n")
    write_skill(Path(), "demo", "Four.")
    for words, expected in FORMS:
        answer = answer_of(cli, *words.split())
        assert sides(answer) == expected, words
        assert answer["status"] == "different"
    monkeypatch.chdir(demo)
    assert sides(answer_of(cli, "demo@1", ".")) == (1, ".")
    assert sides(answer_of(cli, "../demo")) == (3, "../demo")


def test_two_skills_are_compared(cli: Commands, local: Path, demo: Path, tmp_path: Path) -> None:
    publish(cli, write_skill(tmp_path, "other", "One.", d="d\n"))
    answer = answer_of(cli, "demo@1", "other")
    assert [answer[side]["slug"] for side in ("before", "after")] == ["demo", "other"]
    changes = {each["path"]: each["change"] for each in answer["files"]}
    assert changes == {"SKILL.md": "modified", "a": "removed", "b": "removed", "d": "added"}
    assert [change["field"] for change in answer["fields"]] == ["name", "description"]


def test_a_side_says_what_it_is(cli: Commands, registry: None, demo: Path) -> None:
    shown = cli("show", "demo@3", "--json").json["version"]
    answer = answer_of(cli, "demo@3", demo)
    assert answer["status"] == "identical"
    for side in ("before", "after"):
        said = answer[side]
        for name in ("content_hash", "content_type", "size_bytes", "name", "description"):
            assert said[name] == shown[name]
        assert (said["slug"], said["files"]) == ("demo", len(shown["files"]))
    assert (answer["before"]["version"], answer["before"]["path"]) == (3, None)
    assert (answer["after"]["version"], answer["after"]["path"]) == (None, str(demo))
    assert (answer["fields"], answer["files"]) == ([], [])


def test_two_paths_need_no_registry(cli: Commands, tmp_path: Path) -> None:
    one, two = (write_skill(tmp_path / name, "x", name) for name in "ab")
    half = {"R2_BUCKET_NAME": "bucket", "EVERYSKILL_DATABASE_URL": "nonsense"}
    done = cli("diff", one, two, env=half)
    assert (done.code, done.stderr) == (0, "")
    assert "-a\n+b\n" in done.stdout
    assert_failed(cli("diff", "x@1", two, env=half), 8)


def test_a_reference_is_never_a_path(
    cli: Commands, local: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo.parent)
    write_skill(Path(), "fresh")
    done = cli("diff", "demo@1", "fresh")
    assert_failed(done, 4, "no skill fresh", "./fresh")
    assert sides(answer_of(cli, "demo@1", "./fresh")) == (1, "./fresh")
    (demo.parent / "Fresh").symlink_to("fresh")
    assert sides(answer_of(cli, "demo@1", "Fresh")) == (1, "Fresh")


# What is said.


def write(folder: Path, files: Mapping[str, bytes], executable: tuple[str, ...] = ()) -> Path:
    """Make a skill folder anew, of a SKILL.md and these files."""
    shutil.rmtree(folder, ignore_errors=True)
    skill = {"SKILL.md": b"---\nname: demo\ndescription: x\n---\n# Demo\n"}
    for path, data in (skill | dict(files)).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755 if path in executable else 0o644)
    return folder


OLD = {
    "a.txt": b"one\ntwo\nthree\n",
    "bin": b"\x00\x01",
    "crlf.txt": b"one\r\ntwo\r\n",
    "docs/guide.md": b"# Guide\n",
    "empty": b"",
    "gone.txt": b"gone\n",
    "latin.txt": b"caf\xe9\n",
    "no-end.txt": b"one\ntwo",
    "run.sh": b"echo\n",
    "same.txt": b"same\n",
    "tool.sh": b"tool\n",
    "with space.txt": b"a\tb\n",
}
NEW = {
    "a.txt": b"one\n2\nthree\n",
    "bin": b"\x00\x02\x03",
    "crlf.txt": b"one\r\n2\r\n",
    "empty-too": b"",
    "full": b"no longer empty",
    "help/guide.md": b"# Guide\n",
    "latin.txt": b"caf\xe8s\n",
    "new/deep.txt": b"x\ny\n",
    "no-end.txt": b"one\ntwo\n",
    "run.sh": b"echo\n",
    "same.txt": b"same\n",
    "utensil.sh": b"tool\n",
    "with space.txt": b"a\tc\n",
}


@pytest.fixture
def changed(cli: Commands, registry: None, tmp_path: Path) -> None:
    """Two versions of a skill with one file of every kind of change."""
    publish(cli, write(tmp_path / "demo", OLD))
    publish(cli, write(tmp_path / "demo", NEW, ("run.sh", "utensil.sh", "new/deep.txt")))


PATCH = """\
diff --everyskill a/a.txt b/a.txt
--- a/a.txt
+++ b/a.txt
@@ -1,3 +1,3 @@
 one
-two
+2
 three
diff --everyskill a/bin b/bin
Binary files a/bin and b/bin differ: 2 and 3 bytes
diff --everyskill a/crlf.txt b/crlf.txt
--- a/crlf.txt
+++ b/crlf.txt
@@ -1,2 +1,2 @@
 one\\r
-two\\r
+2\\r
diff --everyskill a/empty b/empty-too
rename from empty
rename to empty-too
diff --everyskill a/full b/full
new file mode 100644
--- /dev/null
+++ b/full
@@ -0,0 +1 @@
+no longer empty
\\ No newline at end of file
diff --everyskill a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --everyskill a/docs/guide.md b/help/guide.md
rename from docs/guide.md
rename to help/guide.md
diff --everyskill a/latin.txt b/latin.txt
Binary files a/latin.txt and b/latin.txt differ: 5 and 6 bytes
diff --everyskill a/new/deep.txt b/new/deep.txt
new file mode 100755
--- /dev/null
+++ b/new/deep.txt
@@ -0,0 +1,2 @@
+x
+y
diff --everyskill a/no-end.txt b/no-end.txt
--- a/no-end.txt
+++ b/no-end.txt
@@ -1,2 +1,2 @@
 one
-two
\\ No newline at end of file
+two
diff --everyskill a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --everyskill a/tool.sh b/utensil.sh
old mode 100644
new mode 100755
rename from tool.sh
rename to utensil.sh
diff --everyskill a/with space.txt b/with space.txt
--- a/with space.txt\t
+++ b/with space.txt\t
@@ -1 +1 @@
-a\tb
+a\tc
"""
STAT = """\
modified\t1\t1\ta.txt\t
modified\t\t\tbin\t
modified\t1\t1\tcrlf.txt\t
renamed\t0\t0\tempty-too\tempty
added\t1\t0\tfull\t
removed\t0\t1\tgone.txt\t
renamed\t0\t0\thelp/guide.md\tdocs/guide.md
modified\t\t\tlatin.txt\t
added\t2\t0\tnew/deep.txt\t
modified\t1\t1\tno-end.txt\t
modified\t0\t0\trun.sh\t
renamed\t0\t0\tutensil.sh\ttool.sh
modified\t1\t1\twith space.txt\t

13 files changed, 7 lines added, 5 lines removed
"""


def test_a_pipe_gets_a_patch_and_counts_and_names(cli: Commands, changed: None) -> None:
    done = cli("diff", "demo@1", "demo@2")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == PATCH
    assert cli("diff", "demo@2", "--stat").stdout == STAT
    names = [row.split("\t")[3] for row in STAT.splitlines()[:-2]]
    assert cli("diff", "demo@2", "--name-only").stdout.splitlines() == names


def test_json_has_the_exact_lines(cli: Commands, changed: None) -> None:
    files = {each["path"]: each for each in answer_of(cli, "demo@2")["files"]}
    assert files["crlf.txt"]["patch"] == (
        "--- a/crlf.txt\n+++ b/crlf.txt\n@@ -1,2 +1,2 @@\n one\r\n-two\r\n+2\r\n"
    )
    assert files["bin"] | {"before": 0, "after": 0} == {
        "path": "bin",
        "change": "modified",
        "old_path": None,
        "before": 0,
        "after": 0,
        "is_binary": True,
        "added_lines": None,
        "removed_lines": None,
        "patch": None,
    }
    moved = files["utensil.sh"]
    assert (moved["change"], moved["old_path"]) == ("renamed", "tool.sh")
    assert (moved["added_lines"], moved["patch"], moved["is_binary"]) == (0, None, None)
    assert [moved[side]["executable"] for side in ("before", "after")] == [False, True]
    assert (files["gone.txt"]["after"], files["full"]["before"]) == (None, None)
    assert files["gone.txt"]["before"]["size"] == 5


def test_less_is_said_where_less_is_asked_for(cli: Commands, changed: None) -> None:
    whole, stat, names = (
        answer_of(cli, "demo@2", *options)["files"] for options in ([], ["--stat"], ["--name-only"])
    )
    assert stat == [each | {"patch": None} for each in whole]
    unseen = {"patch": None, "is_binary": None, "added_lines": None, "removed_lines": None}
    assert names == [each | unseen for each in whole]


def test_a_terminal_gets_fields_files_and_coloured_lines(
    cli: Commands, changed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = cli("diff", "demo@2").stdout
    for line in ("\x1b[31m-two\x1b[0m", "\x1b[32m+2\x1b[0m", "\x1b[36m@@ -1,3 +1,3 @@\x1b[0m"):
        assert f"\n{line}\n" in shown
    bare = SGR.sub("", shown)
    assert bare.startswith("demo@1 → demo@2  13 files changed, 7 lines added, 5 lines removed\n")
    assert re.search(r"modified  a.txt +\+1 -1 +14 B → 12 B *\n", bare)
    assert re.search(r"modified  bin +binary +2 B → 3 B *\n", bare)
    assert re.search(r"renamed   tool.sh → utensil.sh +5 B +644 → 755 *\n", bare)
    assert re.search(r"added     new/deep.txt +\+2 +4 B +755 *\n", bare)
    stat = cli("diff", "demo@2", "--stat").stdout
    assert re.search(r"a.txt +2  \x1b\[32m\+\x1b\[0m\x1b\[31m-", stat)
    assert "13 files changed" in stat
    assert "a.txt" in cli("diff", "demo@2", "--name-only").stdout


def test_fields_are_compared_one_by_one(cli: Commands, registry: None, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    heads = (
        "name: demo\ndescription: Old.\nlicense: MIT\n"
        "metadata:\n  version: '1.0'\n  tags: [a, b]\n  deep: {x.y: 1, z: {}}\n",
        "name: demo\ndescription: New.\ncompatibility: 日本\n"
        "metadata:\n  version: '1.1'\n  tags: [a]\n  deep: {x.y: 2, z: {}}\n",
    )
    for head in heads:
        (folder / "SKILL.md").write_text(f"---\n{head}---\n# Demo\n", encoding="utf-8")
        publish(cli, folder)
    fields = answer_of(cli, "demo@1", "demo@2")["fields"]
    assert [tuple(each.values()) for each in fields] == [
        ("description", "modified", "Old.", "New."),
        ("declared_version", "modified", "1.0", "1.1"),
        ("compatibility", "added", None, "日本"),
        ("license", "removed", "MIT", None),
        ('metadata.deep."x.y"', "modified", "1", "2"),
        ("metadata.tags", "modified", '["a","b"]', '["a"]'),
        ("metadata.version", "modified", "1.0", "1.1"),
    ]
    lines = cli("diff", "demo@1", "demo@2").stdout.splitlines()
    assert lines[:4] == [
        "# description: Old. → New.",
        "# declared_version: 1.0 → 1.1",
        "# compatibility:  → 日本",
        "# license: MIT → ",
    ]
    assert lines[7] == "diff --everyskill a/SKILL.md b/SKILL.md"


def test_what_a_map_became_is_told_key_by_key() -> None:
    def fields(frontmatter: dict[str, Any]) -> dict[str, str]:
        return fields_of("x", "y", {"frontmatter": frontmatter})

    found = changed_fields(fields({"a": "text", "e": {}}), fields({"a": {"b": "c"}, "e": []}))
    assert [(each.field, each.before, each.after) for each in found] == [
        ("a", "text", None),
        ("a.b", None, "c"),
        ("e", "{}", "[]"),
    ]
    dots, maps = fields({"a.b": "1"}), fields({"a": {"b": "1"}})
    assert len(changed_fields(dots, maps)) == 2


def test_nothing_differs(cli: Commands, local: Path, demo: Path) -> None:
    for words in (["demo@1", "demo@1"], ["demo@3", demo], [demo]):
        for option in ([], ["--stat"], ["--name-only"]):
            done = cli("diff", *words, *option)
            assert (done.code, done.stdout, done.stderr) == (0, "", "")
    shown = SGR.sub("", cli("diff", "demo@1", "demo@1", env={"FORCE_COLOR": "1"}).stdout)
    assert shown == "demo@1 and demo@1 are identical\n"


# Renames.


def entry(path: str, data: str, *, executable: bool = False) -> FileEntry:
    return FileEntry(path, len(data), data.ljust(64, "0"), executable)


def test_a_rename_prefers_the_same_name_and_has_one_partner() -> None:
    before = [entry("a/x", "1"), entry("b/y", "1"), entry("c/z", "1"), entry("d", "2")]
    after = [entry("m", "1"), entry("n/x", "1"), entry("o", "2", executable=True), entry("p", "3")]
    found = [(each.path, each.change, each.old_path) for each in compared(before, after)]
    assert found == [
        ("c/z", "removed", None),
        ("m", "renamed", "b/y"),
        ("n/x", "renamed", "a/x"),
        ("o", "renamed", "d"),
        ("p", "added", None),
    ]
    changes = [(each.path, each.change) for each in changed_files(before, after)]
    assert changes == [
        *((path, "removed") for path in ("a/x", "b/y", "c/z", "d")),
        *((path, "added") for path in ("m", "n/x", "o", "p")),
    ]


manifests = st.dictionaries(
    st.sampled_from([f"{folder}{name}" for folder in ("", "a/", "b/") for name in "xyz"]),
    st.tuples(st.sampled_from("123"), st.booleans()),
).map(lambda files: [entry(p, d, executable=x) for p, (d, x) in sorted(files.items())])


@given(manifests, manifests)
def test_every_file_that_differs_is_said_once(
    before: list[FileEntry], after: list[FileEntry]
) -> None:
    found = compared(before, after)
    assert [each.path for each in found] == sorted({each.path for each in found})
    gone = [each.before for each in found if each.before]
    come = [each.after for each in found if each.after]
    assert sorted(e.path for e in gone) == [e.path for e in before if e not in after]
    assert [e.path for e in come] == [e.path for e in after if e not in before]
    for each in found:
        if each.change == "renamed":
            assert each.before and each.after
            assert each.before.sha256 == each.after.sha256
            assert each.before.path == each.old_path != each.path
    left = {e.sha256 for e in (f.before for f in found if f.change == "removed") if e}
    new = {e.sha256 for e in (f.after for f in found if f.change == "added") if e}
    assert not left & new


def test_a_thousand_files_are_compared_at_once() -> None:
    before = [entry(f"old/{n}", str(n % 2)) for n in range(1_000)]
    after = [entry(f"new/{n}", str(n % 2)) for n in range(1_000)]
    start = time.process_time()
    found = compared(before, after)
    assert time.process_time() - start < 1
    assert {each.change for each in found} == {"renamed"}
    assert len({each.old_path for each in found}) == 1_000


# Lines.


def one_file(before: bytes, after: bytes, *, path: str = "x") -> FileDiff:
    """Compare one file's bytes."""
    old, new = (FileEntry(path, len(data), "0" * 64, False) for data in (before, after))
    found = FileDiff(path=path, change="modified", old_path=None, before=old, after=new)
    return LineComparer().compare(found, before, after, patch=True)


def applied(patch: str, before: str) -> str:
    """Apply a unified diff: the lines of its hunks must be those of the text."""
    old = re.findall(r"[^\n]*\n|[^\n]+", before)
    made: list[str] = []
    place = 0
    marked = patch.replace("\n\\ No newline at end of file\n", "\0")
    for line, end in re.findall(r"([^\n\0]*)([\n\0])", marked)[2:]:
        text = line[1:] + end.strip("\0")
        if line.startswith("@@"):
            hunk = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+.* @@", line)
            assert hunk
            start = int(hunk[1]) - (hunk[2] != "0")
            made += old[place:start]
            place = start
            continue
        if line[0] in " -":
            assert old[place] == text
            place += 1
        if line[0] in " +":
            made.append(text)
    return "".join(made + old[place:])


lines = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "\u2028\n", "d\x0c\n", " \n"]))
texts = st.tuples(lines, st.sampled_from(["", "end", "\r"])).map(lambda t: "".join(t[0]) + t[1])


@given(texts, texts)
def test_a_patch_makes_the_new_text_of_the_old_one(before: str, after: str) -> None:
    found = one_file(before.encode(), after.encode())
    assert found.patch is not None
    assert applied(found.patch, before) == after
    assert (found.patch == "") == (before == after)
    marks = [line[:1] for line in found.patch.split("\n")[2:]]
    assert (found.added_lines, found.removed_lines) == (marks.count("+"), marks.count("-"))


@given(lines, lines)
def test_a_patch_is_what_difflib_writes(before: list[str], after: list[str]) -> None:
    found = one_file("".join(before).encode(), "".join(after).encode())
    assert found.patch == "".join(difflib.unified_diff(before, after, "a/x", "b/x"))


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no program patch here")
def test_the_program_patch_makes_the_new_folder_of_the_old_one(
    cli: Commands, tmp_path: Path
) -> None:
    source = random.Random(3)

    def text() -> bytes:
        words = [
            "alpha",
            "beta",
            "",
            "  gamma",
            "\tdelta",
            "- - x",
            "--- a/x",
            "+++ b/x",
            "@@ -1 @@",
        ]
        end = source.choice(["\n", ""])
        chosen = source.choices(words, k=source.randrange(1, 30))
        return ("\n".join([*chosen, "end"]) + end).encode()

    old = {f"d{n % 7}/file {n}.txt": text() for n in range(120)}
    new = {path: text() for path in list(old)[:80]} | {f"new/{n}": text() for n in range(20)}
    before = write(tmp_path / "before/demo", old)
    after = write(tmp_path / "after/demo", new)
    done = cli("diff", before, after)
    assert (done.code, done.stderr) == (0, "")
    ran = subprocess.run(
        ["patch", "-p1", "--batch"], input=done.stdout, text=True, cwd=before, capture_output=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = {p: p.read_bytes() for p in before.rglob("*") if p.is_file()}
    assert {str(path.relative_to(before)): data for path, data in made.items()} == {
        str(path.relative_to(after)): path.read_bytes()
        for path in after.rglob("*")
        if path.is_file()
    }


def alike(lines: int) -> bytes:
    source = random.Random(5)
    return "".join(f"{source.randrange(lines // 60)}\n" for _ in range(lines)).encode()


def test_texts_that_would_take_too_long_are_given_up_soon() -> None:
    every_other = b"".join(b"%d\n" % n for n in range(40_000))
    changed = b"".join(b"%d\n" % (n if n % 2 else -n) for n in range(40_000))
    for before, after in ((every_other, changed), (alike(60_000), alike(60_000)[::-1])):
        start = time.process_time()
        found = one_file(before, after)
        assert time.process_time() - start < 10
        assert (found.is_binary, found.added_lines, found.patch) == (False, None, None)


def test_long_texts_that_people_write_are_compared() -> None:
    source = random.Random(7)
    before = [f"{n}. A line of a text that people write.\n" for n in range(20_000)]
    after = list(before)
    for place in source.sample(range(20_000), 1_000):
        after[place] = "edited\n"
    found = one_file("".join(before).encode(), "".join(after).encode())
    assert (found.added_lines, found.removed_lines) == (1_000, 1_000)
    assert applied(str(found.patch), "".join(before)) == "".join(after)


def test_all_files_share_one_measure_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = b"a\n" * 100 + b"x\n", b"a\n" * 100 + b"y\n"
    monkeypatch.setattr(patches, "WORK_LEFT", 20_000)
    comparer = LineComparer()
    old = FileEntry("x", 1, "0" * 64, False)
    found = FileDiff(path="x", change="modified", old_path=None, before=old, after=old)
    given = [comparer.compare(found, before, after, patch=False).added_lines for _ in range(9)]
    assert given[0] == 1
    assert given[-1] is None


def test_a_text_of_more_than_a_mebibyte_is_named_and_not_read(
    cli: Commands, tmp_path: Path
) -> None:
    before, after = (
        write(tmp_path / name / "demo", {"long.txt": name.encode() * (2**20 + 1), "at": data})
        for name, data in (("a", b"x" * 2**20), ("b", b"y" * 2**20))
    )
    done = cli("diff", before, after)
    assert (
        "Files a/long.txt and b/long.txt differ: too large to compare line by line\n" in done.stdout
    )
    assert done.stdout.count("\n+y") == 1
    shown = cli("diff", before, after, "--stat", env={"FORCE_COLOR": "1", "COLUMNS": "120"}).stdout
    assert "too large to compare" in shown
    [at, long] = answer_of(cli, before, after)["files"]
    assert (at["is_binary"], long["is_binary"]) == (False, None)


# What is hostile.


def shown(answer: DiffAnswer, out: io.StringIO, part: Any = "patch") -> str:
    err = io.StringIO()
    render.answer(answer, as_json=False, part=part, stdout=out, stderr=err)
    assert err.getvalue() == ""
    return out.getvalue()


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_payload_reaches_a_terminal_or_a_pipe(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    payload = PAYLOADS[name]
    data = payload.encode("utf-8", "surrogatepass")
    before, after = (
        write(
            tmp_path / side / "demo", {"a.txt": side.encode() + b"\n" + data, f"{side}.txt": data}
        )
        for side in ("a", "b")
    )
    real = diff(None, before, after)  # type: ignore[arg-type]  # two paths open no registry
    made = [filled(DiffAnswer, payload, choice) for choice in range(4)]
    for answer in (real, *made):
        for part in ("patch", "stat", "names"):
            check(shown(answer, io.StringIO(), part), name, tabs=True)
            check(shown(answer, Terminal(), part), name)
    out = io.StringIO()
    render.answer(real, as_json=True, stdout=out, stderr=io.StringIO())
    assert HIDDEN.search(out.getvalue()) is None
    assert json.loads(out.getvalue()) == render.to_json(real)


def test_a_file_cannot_say_what_is_said_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    forged = b"diff --everyskill a/f b/f\nnew file mode 100755\n# name: a\nrename to x\n\r# x: y\n"
    before, after = (
        write(tmp_path / side / "demo", {"a.txt": side.encode() + b"\n" + forged})
        for side in ("a", "b")
    )
    answer = diff(None, before, after)  # type: ignore[arg-type]  # two paths open no registry
    piped = shown(answer, io.StringIO()).splitlines()
    assert [line for line in piped if line[:1] not in "+- @\\"] == [
        "diff --everyskill a/a.txt b/a.txt"
    ]
    evil = replace(answer.files[0], path="x\n+++ b/y\n", patch="@@ -1 +1 @@\n-a\n# name: b\n+c\n")
    piped = shown(replace(answer, files=(evil,)), io.StringIO()).splitlines()
    assert piped == [
        r"diff --everyskill a/x\n+++ b/y\n b/x\n+++ b/y\n",
        "@@ -1 +1 @@",
        r"-a\n# name: b",
        "+c",
    ]


def test_a_path_that_no_skill_has_is_quoted_in_a_patch() -> None:
    found = one_file(b"a\n", b"b\n", path="x\n+++ b/y")
    assert found.patch == '--- "a/x\\n+++ b/y"\n+++ "b/x\\n+++ b/y"\n@@ -1 +1 @@\n-a\n+b\n'


# How little is fetched.


@dataclass
class Meter:
    """A proxy that counts the requests for objects and the bytes that came back."""

    upstream: str
    requests: list[str] = field(default_factory=list)
    received: int = 0

    def handle(self, exchange: Exchange) -> None:
        answer = exchange.forwarded(urlsplit(self.upstream).netloc, exchange.body)
        self.requests.append(exchange.headers.get("Range", "all"))
        self.received += len(answer.body)
        exchange.send(answer)

    def forget(self) -> None:
        self.requests.clear()
        self.received = 0


@pytest.fixture
def meter(
    cli: Commands, local_s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Meter]:
    """A registry whose bucket is reached through a meter."""
    meter = Meter(local_s3.endpoint)
    relay = Relay(meter.handle)
    environment = local_s3.environment(local_s3.prefix(), endpoint=relay.endpoint)
    environment["EVERYSKILL_DATABASE_URL"] = f"sqlite:///{tmp_path}/registry.db"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield meter
    relay.close()


def test_one_line_in_twenty_mebibytes_moves_a_few_kilobytes(
    cli: Commands, meter: Meter, tmp_path: Path
) -> None:
    source = random.Random(1)
    data = {f"data/{n}.bin": source.randbytes(4 * 2**20) for n in range(5)}
    notes = "".join(f"Line {n}.\n" for n in range(1_000))
    folder = tmp_path / "demo"
    publish(cli, write(folder, data | {"notes.md": notes.encode()}))
    edited = notes.replace("Line 500.", "Line five hundred.").encode()
    publish(cli, write(folder, data | {"notes.md": edited}))
    for words in (["demo@1", "demo@2"], ["demo@2", "--stat"], ["demo@2", "--json"]):
        meter.forget()
        done = cli("diff", *words)
        assert (done.code, done.stderr) == (0, "")
        assert len(meter.requests) == 2
        assert meter.received == len(notes) + len(edited)
    meter.forget()
    assert cli("diff", "demo@2", "--name-only").stdout == "notes.md\n"
    assert cli("diff", "demo@2", "--name-only", "--json").code == 0
    assert cli("diff", "demo@1", "demo@1").stdout == ""
    assert cli("diff", "demo@2", folder).stdout == ""
    assert meter.requests == []
    assert cli("diff", "demo@1", folder).code == 0
    assert (len(meter.requests), meter.received) == (1, len(notes))
    moved = {f"moved/{n}": data[f"data/{n}.bin"] for n in range(5)} | {"moved/notes.md": edited}
    write(folder, moved, ("moved/notes.md",))
    meter.forget()
    assert cli("diff", folder).stdout.count("rename to moved/") == 6
    assert meter.requests == []


def test_what_is_small_or_needed_anyway_is_fetched_whole(
    cli: Commands, meter: Meter, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    small = {f"{n}.txt": b"%d\n" % n for n in range(30)}
    publish(cli, write(folder, small))
    publish(cli, write(folder, {path: data * 2 for path, data in small.items()}))
    meter.forget()
    assert cli("diff", "demo@2", "--stat").stdout.startswith("modified\t1\t0\t0.txt")
    assert meter.requests == ["all", "all"]
    large = {f"{n}.txt": b"%d\n" % n * 40_000 for n in range(8)}
    publish(cli, write(folder, large))
    publish(cli, write(folder, {path: data + b"x\n" for path, data in large.items()}))
    meter.forget()
    assert cli("diff", "demo@4", "--stat").code == 0
    assert meter.requests == ["all", "all"]
    publish(
        cli, write(folder, {path: data + b"x\n" * (path < "3") for path, data in large.items()})
    )
    meter.forget()
    assert cli("diff", "demo@3", "demo@5", "--stat").code == 0
    assert len(meter.requests) == 6
    assert "all" not in meter.requests


def test_a_fault_on_the_way_changes_nothing_and_one_that_stays_is_said(
    cli: Commands,
    fault_environment: dict[str, str],
    fault_proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(pause, lambda self, context: 0.001)
    fault_environment["EVERYSKILL_DATABASE_URL"] = f"sqlite:///{tmp_path}/registry.db"
    for name, value in fault_environment.items():
        monkeypatch.setenv(name, value)
    rest = {"rest.bin": bytes(100_000)}
    publish(cli, write(tmp_path / "demo", rest | {"a": b"one\n"}))
    publish(cli, write(tmp_path / "demo", rest | {"a": b"two\n"}))
    expected = cli("diff", "demo@2").stdout
    for fault in (Fault.FLIPPED_DOWNLOAD, Fault.HALF_BODY, Fault.RESET, Fault.ERROR_500):
        fault_proxy.order(fault)  # two of one part would be one too many
        assert cli("diff", "demo@2").stdout == expected
        assert fault_proxy.pending == []
    for fault, code in ((Fault.FLIPPED_DOWNLOAD, 7), (Fault.STALE, 7), (Fault.RESET, 6)):
        fault_proxy.order(*[fault] * 40, method="GET", key="sha256/")
        assert_failed(cli("diff", "demo@2"), code)
        fault_proxy.forget()


# What goes wrong.


@pytest.fixture
def in_folder(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the demo and some bad skills lie, as the working folder."""
    monkeypatch.chdir(demo.parent)
    write_skill(Path(), "fresh")
    Path("bad").mkdir()
    Path("bad/README.md").write_text("# No skill\n")
    Path("linked").mkdir()
    Path("linked/SKILL.md").symlink_to("/etc/passwd")
    Path("日本").mkdir()
    Path("日本/SKILL.md").write_text("# x\n")
    return demo.parent


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("", 2, "A"),
        ("demo demo@1 demo@2", 2, "demo@2"),
        ("demo@0", 2, "'0' is not a version|no path"),
        ("demo@newest", 2, "'newest'"),
        ("Demo", 2, "'Demo' is not a slug|no path"),
        ("./nowhere", 2, "'./nowhere' does not exist"),
        ("demo@1 nowhere/x", 2, "'nowhere/x' does not exist"),
        ("demo/SKILL.md/x", 2, "does not exist"),
        ("demo --stat --name-only", 2, "exclude each other"),
        ("demo@1 ./bad", 3, "has no SKILL.md"),
        ("./bad", 3, "has no SKILL.md"),
        ("./linked demo", 3, "symbolic link"),
        ("./日本", 3, "No slug can be made|Give it a name in its SKILL.md"),
        ("nobody", 4, "no skill nobody|everyskill list"),
        ("demo@1 nobody@2", 4, "no skill nobody|everyskill list"),
        ("demo@9", 4, "no version 9 of demo; its latest is 3|everyskill versions demo"),
        ("demo@1 demo@4", 4, "no version 4"),
        ("demo@1", 4, "none before it|everyskill diff demo@2 demo@3"),
        ("./fresh", 4, "no skill fresh|everyskill diff SLUG@N ./fresh"),
    ],
)
def test_words_that_cannot_be_meant(
    cli: Commands, local: Path, in_folder: Path, words: str, code: int, says: str
) -> None:
    assert_failed(cli("diff", *words.split()), code, *says.split("|"))
    kinds = {2: "UsageError", 3: "InvalidSkill", 4: "NotFound"}
    assert_json_failure(cli("diff", *words.split(), "--json"), code, kinds[code])


def test_a_skill_without_a_pair_says_what_to_type(
    cli: Commands, registry: None, tmp_path: Path
) -> None:
    folder = write_skill(tmp_path, "demo", "One.")
    publish(cli, folder, "--draft")
    assert_failed(cli("diff", "demo"), 4, "no published version", "everyskill diff demo@1 PATH")
    assert_failed(cli("diff", "demo", folder), 4, "no published version", "demo@1")
    publish(cli, folder)
    assert_failed(cli("diff", "demo"), 4, "no draft version", "everyskill diff demo@1 PATH")
    assert_failed(cli("diff", "demo@1"), 4, "none before it", "everyskill diff demo@1 PATH")
    publish(cli, write_skill(tmp_path, "demo", "Two."))
    done = cli("diff", "demo")
    assert_failed(done, 4, "no draft version", "everyskill diff demo@1 demo@2")
    typed = done.stderr.rstrip().rpartition("everyskill ")[2].split()
    assert "+Two." in cli(*typed).stdout


def test_an_object_that_is_gone_or_was_changed(cli: Commands, local: Path, demo: Path) -> None:
    version = cli("show", "demo@1", "--json").json["version"]
    stored = local / "store" / version["content_url"]
    whole = stored.read_bytes()
    stored.chmod(0o644)
    for words in (["demo@1", "demo@3"], ["demo@2"], [demo, "demo@1"]):
        stored.write_bytes(whole.replace(b"\n", b" "))
        assert_failed(cli("diff", *words), 7, "does not hold the bytes")
        stored.unlink()
        assert_failed(cli("diff", *words), 7, "version 1 are missing", "backup")
    assert cli("diff", "demo@2", "demo@3").code == 0
    assert cli("diff", "demo@1", "demo@3", "--name-only").stdout == "SKILL.md\nc\n"


def test_a_version_that_was_purged_is_not_compared(cli: Commands, local: Path, demo: Path) -> None:
    with Database(f"sqlite:///{local}/registry.db") as database, database.writing() as tx:
        version = versions.find(tx, skills.lock(tx, ["demo"])["demo"], 1)
        assert version is not None
        act = events.Act(
            id=str(uuid.uuid4()),
            kind="purge",
            slug="demo",
            actor_id=version.created_by,
            at=records.now(tx),
            reason="a key",
        )
        events.append(tx, [(act, version)])
    for words in (["demo@1", "demo@2"], ["demo@2"], ["demo@1", str(demo), "--name-only"]):
        assert_failed(cli("diff", *words), 4, "demo@1 was purged", "everyskill versions demo")
    assert sides(answer_of(cli, "demo@3")) == (2, 3)


def test_the_shell_is_offered_skills(everyskill: Everyskill, local: Path, demo: Path) -> None:
    for words in ("everyskill diff de", "everyskill diff demo@1 de"):
        environment = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = everyskill(env={"_EVERYSKILL_COMPLETE": "complete_bash", **environment})
        assert (done.stdout.split(), done.stderr) == (["demo"], "")
