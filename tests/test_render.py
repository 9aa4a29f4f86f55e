"""What people, pipes and programs get to read: every answer, every environment."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import re
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from everyskill_cli.cli import render
from everyskill_cli.cli.render import words
from everyskill_cli.database.faults import CommitUnknown
from everyskill_cli.errors import InvalidSkill, NotFound, Unavailable
from everyskill_cli.model import (
    Check,
    DoctorAnswer,
    EventEntry,
    Finding,
    Problem,
    PublishAnswer,
    PublishResult,
    RateAnswer,
    RatingPage,
    ReleaseAnswer,
    ReleaseResult,
    SchemaChange,
    ShowAnswer,
    SkillPage,
    SkillSummary,
    UpgradeAnswer,
    VersionPage,
)
from tests.samples import ANSWERS, MOMENT, Narrow, Terminal, filled, realistic

SGR = re.compile("\x1b\\[[0-9;]*m")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def piped(value: Any, **options: Any) -> str:
    """What a pipe gets on stdout."""
    out = io.StringIO()
    render.answer(value, stdout=out, stderr=io.StringIO(), **({"as_json": False} | options))
    return out.getvalue()


def drawn(value: Any, **options: Any) -> str:
    """What a terminal shows on stdout, without its colours."""
    out = Terminal()
    render.answer(value, stdout=out, stderr=io.StringIO(), **({"as_json": False} | options))
    return SGR.sub("", out.getvalue())


def noted(value: Any, **options: Any) -> str:
    """What an answer puts on stderr."""
    err = io.StringIO()
    render.answer(value, stdout=io.StringIO(), stderr=err, **({"as_json": False} | options))
    return err.getvalue()


def published(status: str, **changes: Any) -> PublishAnswer:
    """An answer of publish for one path."""
    result: PublishResult = filled(PublishResult, "x", empty=True)
    changes = {"slug": "code-review", "version": 3, "path": "./my skill"} | changes
    result = dataclasses.replace(result, status=status, **changes)
    return PublishAnswer(status=result.status, results=(result,), warnings=())


# publish


@pytest.mark.parametrize(
    ("status", "to_type"),
    [
        ("published", ["show code-review", 'rate code-review 5 -c "what it did for you"']),
        ("promoted", ["show code-review", 'rate code-review 5 -c "what it did for you"']),
        ("draft", ["show code-review@3", "publish './my skill'"]),
        ("unchanged", ["show code-review@3"]),
        ("would-publish", ["publish './my skill'"]),
        ("refused", []),
        ("failed", []),
    ],
)
def test_publish_says_what_happened_and_what_to_type_next(status: str, to_type: list[str]) -> None:
    shown, lines = drawn(published(status)), piped(published(status)).splitlines()
    assert shown.startswith(f"{status} code-review@3")
    assert lines[0] == f"{status} code-review@3"
    assert [c.strip() for c in re.findall(r"everyskill (.*?)(?:   .*)?\n", shown)] == to_type
    assert not any("everyskill" in line for line in lines)


def test_publish_of_a_dry_run_and_of_a_draft_say_what_stays() -> None:
    assert "nothing was written" in drawn(published("would-publish"))
    assert "version 2 stays published" in drawn(published("draft", published_version=2))
    assert "nothing is published yet" in drawn(published("draft"))


def test_publish_shortens_for_people_and_not_for_programs() -> None:
    omitted = (".git", "__pycache__", "a.pyc", ".DS_Store", "node_modules")
    value = published(
        "published", content_hash="ab" * 32, size_bytes=12_345, omitted=omitted, updated=("tags",)
    )
    shown, lines = drawn(value), piped(value).splitlines()
    assert "sha256:abababababab…" in shown
    assert "12.3 kB in 0 files" in shown
    assert ".git, __pycache__, a.pyc and 2 more" in shown
    assert f"content_hash: {'ab' * 32}" in lines
    assert "size_bytes: 12345" in lines
    assert [line for line in lines if line.startswith("omitted")] == [
        f"omitted: {path}" for path in omitted
    ]
    assert "updated: tags" in lines


def test_publish_of_many_says_each_in_a_pipe_and_counts_for_people() -> None:
    one = published("published", content_hash="ab" * 32).results[0]
    why = Problem(type="InvalidSkill", code=3, message="Bad.", hint="Mend it.", rule="symlink")
    bad = PublishResult(path="skills/bad", status="refused", error=why)
    same = dataclasses.replace(one, status="unchanged")
    value = PublishAnswer(status="refused", results=(one, bad, same, same), warnings=())
    assert piped(value).splitlines()[:2] == [
        f"published\tcode-review\t3\t{'ab' * 32}\t./my skill\t\t\t",
        "refused\t\t\t\tskills/bad\tsymlink\tBad.\t",
    ]
    shown = drawn(value)
    assert "Bad. Mend it." in shown
    assert "2 unchanged, 1 published, 1 refused" in shown
    assert "everyskill" not in shown


def test_warnings_about_unchanged_skills_of_many_are_counted() -> None:
    one = dataclasses.replace(published("published").results[0], path="skills/new")
    same = dataclasses.replace(one, status="unchanged", path="skills/old")
    warnings = tuple(
        Finding("unknown-key", f"{path} has one.", path="SKILL.md", source=f"skills/{path}")
        for path in ("new", "old", "old")
    )
    value = PublishAnswer(status="published", results=(one, same), warnings=warnings)
    err = io.StringIO()
    render.answer(value, as_json=False, stdout=io.StringIO(), stderr=err)
    assert err.getvalue().splitlines() == [
        "warning: skills/new: new has one.",
        "more: 2 warnings about unchanged skills, which everyskill check names",
    ]


# rate


@pytest.mark.parametrize("status", ["rated", "replaced", "unchanged"])
def test_rate_says_the_stars_and_the_new_averages(status: str) -> None:
    value: RateAnswer = filled(RateAnswer, "fine", ["rated", "replaced", "unchanged"].index(status))
    result = dataclasses.replace(
        value.results[0],
        slug="code-review",
        average_rating=467,
        rating_count=12,
        version_average_rating=450,
        version_rating_count=2,
    )
    value = dataclasses.replace(value, results=(result,))
    shown, lines = drawn(value), piped(value).splitlines()
    assert shown.startswith(f"{status} code-review@3 ★★★☆☆")
    assert re.search(r"this version +★ 4\.50 \(2\)", shown)
    assert re.search(r"all versions +★ 4\.67 \(12\)", shown)
    assert "3 hours" in shown
    assert lines[0] == f"{status} code-review@3"
    assert {"rating: 3", "comment: fine", "average_rating: 4.67", "rating_count: 12"} <= set(lines)
    assert {"hours_saved_estimate: 3", "version_average_rating: 4.50"} <= set(lines)


def test_rate_says_that_a_rating_is_gone() -> None:
    value: RateAnswer = filled(RateAnswer, "x", 3)
    result = dataclasses.replace(value.results[0], rating=None, average_rating=None, rating_count=0)
    value = dataclasses.replace(value, results=(result,))
    assert "your rating is taken back" in drawn(value)
    assert "average_rating" not in piped(value).replace("version_average_rating", "")


# promote, rollback, yank, unyank, use


@pytest.mark.parametrize(
    ("status", "published", "before", "says"),
    [
        ("promoted", 3, 2, "promoted code-review@3  instead of version 2"),
        ("promoted", 3, None, "promoted code-review@3  nothing was published before"),
        ("rolled-back", 3, 4, "rolled-back code-review@3  instead of version 4"),
        ("yanked", 2, 3, "yanked code-review@3  version 2 is published instead"),
        ("yanked", None, 3, "yanked code-review@3  nothing is published now"),
        ("yanked", 4, 4, "yanked code-review@3  version 4 stays published"),
        ("unyanked", None, None, "unyanked code-review@3  nothing is published"),
        ("unchanged", 3, 3, "unchanged code-review@3  it stands so already"),
    ],
)
def test_a_pointer_that_moved_is_said_with_what_it_left(
    status: Any, published: int | None, before: int | None, says: str
) -> None:
    result = dataclasses.replace(
        filled(ReleaseResult, "x", empty=True),
        slug="code-review",
        published_version=published,
        previous_version=before,
    )
    value = ReleaseAnswer(status=status, results=(result,), warnings=())
    shown = drawn(value)
    assert shown.splitlines()[0].rstrip() == says
    assert f"published     {f'version {published}' if published else 'none'}" in shown
    assert "everyskill versions code-review" in shown
    assert piped(value).splitlines()[0] == f"{status} code-review@3"


def test_the_story_stands_below_the_versions_the_newest_first() -> None:
    def event(seq: int, kind: Any) -> EventEntry:
        return dataclasses.replace(filled(EventEntry, "Because."), seq=seq, kind=kind)

    page: VersionPage = filled(VersionPage, "x")
    first, second = page.items
    first = dataclasses.replace(first, events=(event(4, "yank"), event(1, "publish")))
    second = dataclasses.replace(second, events=(event(3, "rollback"), event(2, "draft")))
    value = dataclasses.replace(page, items=(first, second))
    story = drawn(value).partition("Story\n")[2].splitlines()
    kinds = ("yank", "rollback", "draft", "publish")
    assert [kind in line for kind, line in zip(kinds, story[1:], strict=True)] == [True] * 4
    columns = piped(value).splitlines()[0].split("\t")
    assert columns[-1] == (
        "yank at 2026-01-02T03:04:05.678Z by Because.: Because.; "
        "publish at 2026-01-02T03:04:05.678Z by Because.: Because."
    )
    assert "Story" not in drawn(filled(ShowAnswer, "x"))


# show


def test_show_says_everything_on_one_screen() -> None:
    shown = drawn(realistic())
    for said in (
        "Code review",
        "code-review@4",
        "Reviews a change the way a calm senior engineer does",
        "engineering  #git  #quality  #review",
        "★ 4.18 from 22 ratings",
        "66 hours",
        "Ask for a failing test first",
        "sha256:4b227777d4dd…",
        "Found a race that three of us had read past.",
        "saved 4 hours",
        "everyskill show code-review --content",
        "everyskill rate code-review 5 -c",
        "everyskill ratings code-review",
    ):
        assert said in shown
    assert re.search(r"published +version 4", shown)
    assert re.search(r"draft +version 5", shown)
    assert re.search(r" 4  published +★ 4\.78 \(9\) +212 ", shown)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_show_breaks_no_word_where_there_is_little_room(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = drawn(realistic())
    for said in ("engineering  #git  #quality  #review", "by ada@example.com, ", "code-review@4"):
        assert said in shown


def test_show_draws_the_ratings_and_their_trend() -> None:
    shown = drawn(realistic())
    bars = dict(re.findall(r"^  (\d) ★ +\d+  (━*)", shown, re.MULTILINE))
    assert [len(bars.get(str(n), "")) for n in (5, 4, 3)] == [24, 13, 6]
    trend = re.findall(r"@(\d)  ★ (\d\.\d\d) \(\d\)  (━+)", shown)
    assert [(at, average) for at, average, _ in trend] == [
        ("1", "3.00"),
        ("2", "3.75"),
        ("3", "4.17"),
        ("4", "4.78"),
    ]
    assert sorted(trend, key=lambda bar: len(bar[2])) == trend


def unrated() -> ShowAnswer:
    """A skill that was just published."""
    value = realistic()
    zero = dict.fromkeys(("stars_1", "stars_2", "stars_3", "stars_4", "stars_5"), 0)
    skill = dataclasses.replace(
        value.skill, **zero, average_rating=None, category=None, tags=(), latest_version=1
    )
    one = dataclasses.replace(
        value.versions[4], rating_count=0, average_rating=None, status="published"
    )
    return dataclasses.replace(
        value,
        skill=skill,
        versions=(one,),
        comments=(),
        published_version=1,
        draft_version=None,
        version=dataclasses.replace(value.version, version=1),
    )


def test_show_of_an_unrated_skill_says_how_to_rate_it() -> None:
    shown = drawn(unrated())
    assert "nobody has rated it yet" in shown
    assert 'everyskill rate code-review 5 -c "what it did for you"' in shown
    assert "comments" not in shown
    assert "everyskill ratings" not in shown
    lines = piped(unrated()).splitlines()
    assert "rating_count: 0" in lines
    assert not any(line.startswith("average_rating") for line in lines)


def test_show_numbers_what_is_not_the_published_version() -> None:
    value = dataclasses.replace(realistic(), published_version=None)
    assert "everyskill rate code-review@4 5" in drawn(value)
    assert re.search(r"published +none", drawn(value))


def test_show_says_why_a_version_was_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    value = realistic()
    summary = dataclasses.replace(
        value.summary, status="yanked", yanked_at=MOMENT, yank_reason="Leaks a key", successor=5
    )
    value = dataclasses.replace(value, summary=summary, versions=(summary,))
    assert re.search(r"because +Leaks a key", drawn(value))
    assert re.search(r"use instead +version 5", drawn(value))
    assert "Leaks a key (use 5)  Ask for a failing" in drawn(value)
    lines = piped(value).splitlines()
    assert {"status: yanked", "yank_reason: Leaks a key", "successor: 5"} <= set(lines)


def test_show_suggests_nothing_for_a_purged_version() -> None:
    value = realistic()
    summary = dataclasses.replace(
        value.summary, status="purged", purged_at=MOMENT, purge_reason="Leaks a key"
    )
    shown = drawn(dataclasses.replace(value, summary=summary))
    assert re.search(r"because +Leaks a key", shown)
    assert "--content" not in shown
    assert "everyskill rate" not in shown


def test_a_long_comment_is_cut_on_the_screen_and_whole_in_the_list() -> None:
    value = realistic()
    long = dataclasses.replace(value.comments[0], comment="word " * 400 + "end")
    shown = drawn(dataclasses.replace(value, comments=(long,)))
    assert len(re.findall("  │ word", shown)) == 4
    assert "word …" in shown
    assert "word end" in drawn(RatingPage(items=(long,), next=None))
    assert "word end" in piped(RatingPage(items=(long,), next=None))


def test_the_files_of_a_version() -> None:
    value = realistic()
    first = dataclasses.replace(value.version.files[0], executable=True)
    version = dataclasses.replace(value.version, files=(first, value.version.files[1]))
    value = dataclasses.replace(value, version=version)
    rows = [line.split("\t") for line in piped(value, part="files").splitlines()]
    assert rows == [
        ["755", "6200", first.sha256, "SKILL.md"],
        ["644", "4100", first.sha256, "references/style.md"],
    ]
    assert "6.2 kB" in drawn(value, part="files")


# content


DATA = "\ufeff# T\r\n\x1b[31mred\x1b[0m\u202e\ttab\r\n\r\nno line break at the end"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("force", ["", "1"])
def test_content_in_a_pipe_is_byte_for_byte(
    encoding: str, force: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", force)
    out = Narrow(encoding, terminal=False)
    value = dataclasses.replace(realistic(), text=DATA)
    render.answer(value, as_json=False, part="content", stdout=out)
    raw = out.buffer
    assert isinstance(raw, io.BytesIO)
    assert raw.getvalue() == DATA.encode()


def test_content_goes_into_a_file(tmp_path: Path) -> None:
    value = dataclasses.replace(realistic(), text=DATA)
    output = tmp_path / "SKILL.md"
    assert piped(value, part="content", output=output) == ""
    assert output.read_bytes() == DATA.encode()


def test_content_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    value = dataclasses.replace(realistic(), text=DATA)
    with pytest.raises(Unavailable, match="could not be written"):
        piped(value, part="content", output=tmp_path / "absent" / "SKILL.md")


def test_markdown_is_rendered_on_a_terminal() -> None:
    text = "---\nname: x\n---\n# Title\n\nSome **bold** text.\n\n```python\nx = 1\n```\n"
    shown = drawn(dataclasses.replace(realistic(), text=text), part="content")
    assert "name: x" in shown
    assert "# Title" not in shown
    assert "Some bold text." in shown
    assert "x = 1" in shown


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("application/json", '{"name": "x"}'),
        ("application/yaml", "name: x"),
        ("application/toml", 'name = "x"'),
        ("text/plain; charset=utf-8", "# not *Markdown*"),
        ("text/markdown; charset=utf-8", "x " * 200_000),
    ],
)
def test_other_content_is_shown_as_it_is(content_type: str, text: str) -> None:
    version = dataclasses.replace(realistic().version, content_type=content_type)
    value = dataclasses.replace(realistic(), text=text, version=version)
    assert "".join(drawn(value, part="content").split()) == "".join(text.split())


# lists


def test_a_list_in_a_pipe_is_rows_without_header() -> None:
    item: SkillSummary = filled(SkillSummary, "x", empty=True)
    rows = piped(SkillPage(items=(item, item), next=None)).splitlines()
    assert len(rows) == 2
    assert rows[0].split("\t") == [
        *("x", "", "", "3", "3", "3", "2026-01-02T03:04:05.678Z", "x", "x", "x")
    ]


def test_a_list_on_a_terminal_is_aligned_with_wide_characters() -> None:
    one: SkillSummary = filled(SkillSummary, "plain", empty=True)
    two = dataclasses.replace(one, slug="日本語", description="説明文です。" * 30)
    three = dataclasses.replace(one, slug="🚀🚀", description="e\u0301" * 300)
    shown = drawn(SkillPage(items=(one, two, three), next=None)).splitlines()
    starts = {cell_len(line[: line.index("–")]) for line in shown[1:]}
    assert len(starts) == 1
    assert max(cell_len(line) for line in shown) <= 100


def test_a_skill_without_a_published_version_says_so() -> None:
    item: SkillSummary = filled(SkillSummary, "x", empty=True)
    assert "x none" in drawn(SkillPage(items=(item,), next=None))
    item = dataclasses.replace(item, published_version=2)
    assert "x@2" in drawn(SkillPage(items=(item,), next=None))


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (SkillPage, "hint: Publish one: everyskill publish PATH\n"),
        (RatingPage, 'hint: Give one: everyskill rate SLUG 5 -c "what it did for you"\n'),
    ],
)
def test_an_empty_list_leaves_stdout_empty_and_says_what_to_do(kind: Any, hint: str) -> None:
    value = kind(items=(), next=None)
    assert piped(value) == ""
    assert drawn(value) == ""
    assert noted(value).endswith(hint)


@pytest.mark.parametrize("kind", [SkillPage, VersionPage, RatingPage])
def test_a_page_says_how_to_get_the_next_one(kind: Any) -> None:
    value = kind(items=filled(kind, "x").items, next="4/it's")
    assert noted(value) == "more: the same command with --after='4/it'\"'\"'s'\n"
    assert noted(dataclasses.replace(value, next=None)) == ""


# doctor, config, upgrade


def test_doctor_says_what_it_found_and_the_fix() -> None:
    value = DoctorAnswer(
        status="failed",
        results=(
            Check(name="user", status="ok", found="ada", fix=None),
            Check(name="store", status="warning", found="slow", fix="Move it"),
            Check(name="database", status="failed", found="absent", fix="everyskill upgrade"),
        ),
        warnings=(),
    )
    assert [line.rstrip() for line in drawn(value).splitlines()] == [
        "  ✓  user      ada",
        "  !  store     slow",
        "               → Move it",
        "  ✗  database  absent",
        "               → everyskill upgrade",
    ]
    assert piped(value) == (
        "ok\tuser\tada\t\n"
        "warning\tstore\tslow\tMove it\n"
        "failed\tdatabase\tabsent\teveryskill upgrade\n"
    )


def test_upgrade_says_from_where_to_where_and_where_the_copy_is() -> None:
    change = SchemaChange(database="r.db", before="0001", after="0002", backup="r.db.0001")
    value = UpgradeAnswer(status="upgraded", results=(change,), warnings=())
    assert "upgraded r.db  the schema went from 0001 to 0002" in drawn(value)
    assert "r.db.0001" in drawn(value)
    assert piped(value) == "upgraded\tr.db\t0001\t0002\tr.db.0001\n"
    new = dataclasses.replace(change, before=None, backup=None)
    value = UpgradeAnswer(status="upgraded", results=(new,), warnings=())
    assert "a new schema, at 0002" in drawn(value)
    same = dataclasses.replace(change, before="0002", backup=None)
    value = UpgradeAnswer(status="unchanged", results=(same,), warnings=())
    assert "at 0002 already" in drawn(value)


# values


@pytest.mark.parametrize(
    ("seconds", "said", "short"),
    [
        (-5, "just now", "just now"),
        (59, "just now", "just now"),
        (60, "1 minute ago", "1min ago"),
        (3_599, "59 minutes ago", "59min ago"),
        (7_200, "2 hours ago", "2h ago"),
        (86_400, "1 day ago", "1d ago"),
        (29 * 86_400, "29 days ago", "29d ago"),
        (60 * 86_400, "2 months ago", "2mo ago"),
        (364 * 86_400, "12 months ago", "12mo ago"),
        (800 * 86_400, "2 years ago", "2y ago"),
    ],
)
def test_how_long_ago(seconds: int, said: str, short: str) -> None:
    now = MOMENT + timedelta(seconds=seconds)
    assert words.moment(MOMENT, now).shown == said
    assert words.moment(MOMENT, now, short=True).shown == short
    assert words.moment(MOMENT, now).plain == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (52_428_800, "52.4 MB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert words.size(count).shown == said
    assert words.size(count).plain == str(count)


# JSON


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("empty", [True, False])
def test_json_is_one_document_of_the_dataclass_and_nothing_else(kind: type, empty: bool) -> None:
    value = filled(kind, "é日", empty=empty)
    document = json.loads(piped(value, as_json=True))
    assert document == render.to_json(value)
    assert list(document) == [field.name for field in dataclasses.fields(kind)]
    assert noted(value, as_json=True) == ""
    assert piped(value, as_json=True, part="files") == piped(value, as_json=True)
    assert drawn(value, as_json=True) == piped(value, as_json=True)
    if not empty:
        assert "é日" in piped(value, as_json=True)


def test_json_values() -> None:
    document = render.to_json(realistic())
    assert document["skill"]["created_at"] == "2025-11-04T10:00:00.000Z"
    assert document["skill"]["tags"] == ["git", "quality", "review"]
    assert document["version"]["metadata"]["frontmatter"] == {"name": "code-review"}
    assert document["text"] is None
    with pytest.raises(TypeError):
        render.to_json("text")


# errors and notes


def test_errors_are_two_lines_or_one_object() -> None:
    error = NotFound("There is no skill x.", "See what there is: everyskill list")
    err = io.StringIO()
    render.failure(error, as_json=False, stderr=err)
    assert err.getvalue() == (
        "error: There is no skill x.\nhint: See what there is: everyskill list\n"
    )
    err = io.StringIO()
    render.failure(error, as_json=True, stderr=err)
    assert json.loads(err.getvalue()) == {
        "error": {
            "type": "NotFound",
            "code": 4,
            "message": "There is no skill x.",
            "hint": "See what there is: everyskill list",
        }
    }


def test_an_invalid_skill_says_rule_file_and_line() -> None:
    error = InvalidSkill("Bad.", rule="symlink", path="a/b", line=3)
    err = io.StringIO()
    render.failure(error, as_json=True, stderr=err)
    said = json.loads(err.getvalue())["error"]
    assert said == {
        "type": "InvalidSkill",
        "code": 3,
        "message": "Bad.",
        "hint": "",
        "rule": "symlink",
        "path": "a/b",
        "line": 3,
    }
    err = io.StringIO()
    render.failure(error, as_json=False, stderr=err)
    assert err.getvalue() == "error: Bad.\n"


def test_a_usage_error() -> None:
    err = io.StringIO()
    render.usage_failure("No such option.", "Try: everyskill --help", as_json=True, stderr=err)
    said = json.loads(err.getvalue())["error"]
    assert (said["type"], said["code"]) == ("UsageError", 2)


def test_warnings_go_to_stderr_whole() -> None:
    line = "Version 2 is not published. To publish it again: everyskill promote " + "x" * 200
    value = dataclasses.replace(published("unchanged"), warnings=(Finding("rolled-back", line),))
    assert noted(value) == f"warning: {line}\n"
    assert "promote" not in piped(value)
    err = Terminal()
    render.answer(value, as_json=False, stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == f"\x1b[33mwarning:\x1b[0m {line}\n"


def test_own_lines_keep_their_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    render.line("Usage:\n  everyskill\x1b[0m\n")
    render.note("one\ntwo")
    assert capsys.readouterr() == ("Usage:\n  everyskill\\x1b[0m\n", "one\ntwo\n")


# environments


def test_a_pipe_gets_what_a_terminal_gets_under_force_color(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = piped(realistic())
    monkeypatch.setenv("FORCE_COLOR", "1")
    forced = piped(realistic())
    assert forced != plain
    assert "\x1b[" in forced
    assert SGR.sub("", forced) == drawn(realistic())
    monkeypatch.setenv("FORCE_COLOR", "0")
    assert piped(realistic()) == plain


def test_no_color_takes_the_colours_and_leaves_the_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn(realistic())
    monkeypatch.setenv("NO_COLOR", "1")
    out, err = Terminal(), Terminal()
    render.answer(realistic(), as_json=False, stdout=out, stderr=err)
    assert SGR.sub("", out.getvalue()) == before
    styles = {number for code in SGR.findall(out.getvalue()) for number in code[2:-1].split(";")}
    assert styles <= {"0", "1", "2"}  # bold and dim are no colours
    render.failure(NotFound("x"), as_json=False, stderr=err)
    assert err.getvalue() == "error: x\n"


def test_a_dumb_terminal_gets_no_escape_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn(realistic())
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    render.answer(realistic(), as_json=False, stdout=out)
    assert out.getvalue() == before


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 80, 100, 120, 300])
def test_the_layout_follows_the_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = [line for line in drawn(realistic()).splitlines() if "everyskill " not in line]
    widest = max(map(cell_len, lines))
    assert widest == min(max(columns, 20), 120)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("as_json", [True, False])
def test_every_encoding_can_print_every_answer(
    encoding: str, terminal: bool, as_json: bool
) -> None:
    for kind in ANSWERS:
        value = filled(kind, "é ★ 日本 \U0001f680 \udcff")
        out, err = Narrow(encoding, terminal=terminal), Narrow(encoding, terminal=terminal)
        render.answer(value, as_json=as_json, stdout=out, stderr=err)
        if as_json:
            assert json.loads(out.text()) == render.to_json(value)
    err = Narrow(encoding, terminal=terminal)
    render.failure(NotFound("é ★ 日本"), as_json=as_json, stderr=err)
    assert err.text()


def test_signs_have_stand_ins_where_the_encoding_lacks_them() -> None:
    out = Narrow("ascii", terminal=True)
    render.answer(realistic(), as_json=False, stdout=out)
    shown = SGR.sub("", out.text())
    assert "* 4.18 from 22 ratings" in shown
    assert "*****  cleo@example.com - version 4" in shown
    assert "5 *  11  =====" in shown
    assert "\\u" not in shown
    assert max(map(len, shown.splitlines())) == 100


def test_a_closed_pipe_is_noticed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w")
    with pytest.raises(BrokenPipeError):
        render.answer(realistic(), as_json=False, stdout=out)
    with suppress(BrokenPipeError):
        out.close()  # it tries once more


@pytest.mark.parametrize(
    "action",
    [
        "render.answer(samples.realistic(), as_json=False)",
        "render.answer(samples.realistic(), as_json=True)",
        "render.failure(errors.NotFound('x', 'y'), as_json=False)",
    ],
)
def test_a_pipe_does_not_pay_for_rich(action: str) -> None:
    script = (
        "import pickle, sys\n"
        "from everyskill_cli import errors\n"
        "from everyskill_cli.cli import render\n"
        "early = {name.partition('.')[0] for name in sys.modules}\n"
        "value = pickle.loads(sys.stdin.buffer.read())\n"
        f"{action.replace('samples.realistic()', 'value')}\n"
        "late = {name.partition('.')[0] for name in sys.modules}\n"
        "heavy = {'rich', 'pygments', 'markdown_it', 'typer', 'sqlalchemy', 'boto3'}\n"
        "assert not heavy & late, heavy & late\n"
        "assert not {'json', 'hashlib'} & early, early\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(realistic()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if "failure" in action else None,
        check=True,
        timeout=60,
    )


def test_an_error_is_named_by_its_documented_type(capsys):
    """Rooms raise finer types among themselves; programs see only those of docs/json.md."""
    render.failure(CommitUnknown("Lost.", "Again."), as_json=True)
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "Unavailable"


def test_stars_of_a_damaged_row_are_a_number_and_fill_no_memory():
    assert words.stars(4).shown == "★★★★☆"
    for given in (0, -1, 6, 2**62):
        assert words.stars(given).shown == str(given)
