"""The report in Markdown: what it says, that it stays small, and that no name breaks out of it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from everyskill_cli.cli.render.safety import visible
from everyskill_cli.cli.render.summary import markdown
from everyskill_cli.model import (
    CheckAnswer,
    CheckResult,
    FileChange,
    FileEntry,
    Finding,
    Problem,
    PublishAnswer,
    PublishResult,
)
from tests.samples import filled

COMMENT_MAX = 65_536  # characters, of a comment on GitHub
PROBLEM = Problem(
    type="InvalidSkill",
    code=3,
    message="SKILL.md has no frontmatter.",
    hint="Begin it with three dashes.",
    rule="missing-frontmatter",
    path="SKILL.md",
    line=3,
)


def result(slug: str = "review", status: Any = "published", **fields: Any) -> PublishResult:
    given: dict[str, Any] = {"path": f"skills/{slug}", "slug": slug, "size_bytes": 12_345}
    return PublishResult(status=status, **given | {"version": 2} | fields)


def bad(skill: str, status: Any = "refused", **fields: Any) -> PublishResult:
    error = dataclasses.replace(PROBLEM, **fields)
    return PublishResult(path=skill, status=status, error=error)


def published(*results: PublishResult, warnings: tuple[Finding, ...] = ()) -> str:
    return markdown(PublishAnswer(status="published", results=results, warnings=warnings))


def read(text: str) -> list[Token]:
    """The tokens of a report, tables and HTML included."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table, as they are read: references resolved, code without its marks."""
    found: list[list[list[str]]] = []
    for number, token in enumerate(tokens := read(text)):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            inline = tokens[number + 1]
            found[-1][-1].append("".join(map(said, inline.children or [])))
    return found


def said(token: Token) -> str:
    marks = {"<code>": "`", "</code>": "`", "<br>": "\n"}
    if token.type == "html_inline":
        return marks[token.content]
    assert token.type in ("text", "text_special"), token
    return token.content


# What it says.


def test_it_begins_with_the_counts_and_ends_with_an_empty_line() -> None:
    text = published(
        result("a"), result("b", "unchanged"), result("c", "unchanged"), bad("skills/d")
    )
    assert text.splitlines()[0] == ("### everyskill publish: 1 refused, 1 published, 2 unchanged")
    assert text.endswith("|\n\n")


def test_failures_come_first_with_place_reason_and_hint() -> None:
    text = published(
        result("a"),
        bad("skills/b"),
        bad("skills/c", "failed", path=None, line=None, rule=None, type="Unavailable", hint=""),
    )
    assert text.index("#### Not published") < text.index("#### New and changed")
    assert tables(text)[0] == [
        ["where", "rule", "what to do"],
        ["`skills/c`", "`Unavailable`", "`SKILL.md` has no frontmatter."],
        [
            "`skills/b/SKILL.md:3`",
            "`missing-frontmatter`",
            "`SKILL.md` has no frontmatter.\nBegin it with three dashes.",
        ],
    ]


def test_changes_say_version_size_and_files() -> None:
    files = tuple(FileEntry(name, 1, "0" * 64, executable=False) for name in ("SKILL.md", "a"))
    changes = (
        FileChange("a.md", "added"),
        FileChange("SKILL.md", "modified"),
        *(FileChange(f"old/{number}", "removed") for number in range(5)),
    )
    text = published(
        result("new", version=1, files=files),
        result("changed", changes=changes),
        result("draft", "draft", size_bytes=None),
        result("tags", "unchanged", updated=("tags", "category")),
        result("same", "unchanged"),
    )
    assert tables(text) == [
        [
            ["skill", "version", "is", "size", "files"],
            ["`new`", "new", "published", "12.3 kB", "2 files"],
            [
                "`changed`",
                "2",
                "published",
                "12.3 kB",
                "1 added: `a.md`\n1 modified: `SKILL.md`\n5 removed: `old/0` `old/1` `old/2` …",
            ],
            ["`draft`", "2", "kept as draft", "–", "–"],
            ["`tags`", "2", "unchanged", "12.3 kB", "tags and category updated"],
        ]
    ]


def test_a_dry_run_says_what_would_be() -> None:
    text = published(result("a", "would-publish"), result("b", "unchanged"))
    assert text.startswith(
        "### everyskill publish (dry run): 1 would be published, 1 unchanged\n\n"
        "#### What would be published\n"
    )


def test_what_was_not_begun_is_counted() -> None:
    text = published(bad("skills/a"), result("b", "skipped"), result("c", "skipped"))
    assert "1 refused, 2 not begun" in text
    assert len(tables(text)) == 1


def test_nothing_new_is_one_line() -> None:
    assert published(result("a", "unchanged")) == "### everyskill publish: 1 unchanged\n\n"
    assert published() == "### everyskill publish: no skills\n\n"


def test_warnings_are_folded_and_those_about_unchanged_skills_counted() -> None:
    loud = Finding("name-differs", "The name differs.", "SKILL.md", 2, "skills/a")
    quiet = dataclasses.replace(loud, source="skills/b")
    general = Finding("passed-by", "Nothing was found there.")
    skills = (result("a"), result("b", "unchanged"))
    text = published(*skills, warnings=(loud, quiet, general))
    assert "<summary>3 warnings, 1 of them about unchanged skills</summary>\n\n" in text
    assert text.endswith("|\n\n</details>\n\n")
    assert tables(text)[1] == [
        ["where", "rule", "what"],
        ["`skills/a/SKILL.md:2`", "`name-differs`", "The name differs."],
        ["–", "`passed-by`", "Nothing was found there."],
    ]
    only_quiet = published(*skills, warnings=(quiet,))
    assert only_quiet.endswith("\n\n1 warning, 1 of them about unchanged skills.\n\n")


def test_check_says_everything_that_is_wrong() -> None:
    other = dataclasses.replace(PROBLEM, rule="symlink", line=None)
    warning = Finding("long", "It is long.", "SKILL.md", None, "skills/a")
    answer = CheckAnswer(
        status="refused",
        results=(
            CheckResult(path="skills/a", slug="a", status="ok"),
            CheckResult(path="skills/b", status="refused", error=PROBLEM, others=(other,)),
        ),
        warnings=(warning,),
    )
    text = markdown(answer)
    assert text.startswith("### everyskill check: 1 refused, 1 ok\n\n#### To correct\n")
    failures, warnings = tables(text)
    assert [row[:2] for row in failures[1:]] == [
        ["`skills/b/SKILL.md:3`", "`missing-frontmatter`"],
        ["`skills/b/SKILL.md`", "`symlink`"],
    ]
    assert warnings[1] == ["`skills/a/SKILL.md`", "`long`", "It is long."]


# How large it becomes.


def test_many_rows_are_cut_and_counted() -> None:
    text = published(
        *(bad(f"skills/{number}") for number in range(1_000)),
        *(result(f"s{number}") for number in range(1_000)),
        warnings=tuple(Finding("rule", "Words.", source=f"skills/{n}") for n in range(1_000)),
    )
    assert len(text) < COMMENT_MAX
    counts = [len(rows) - 1 for rows in tables(text)]
    more = [int(n.replace(",", "")) for n in re.findall(r"^… and ([\d,]+) more", text, re.M)]
    assert [shown + hidden for shown, hidden in zip(counts, more, strict=True)] == [1_000] * 3
    assert min(counts) > 50


@pytest.mark.parametrize("character", ["@", "\U000e0041", "\u202e", "日", "a @", "\x00", "|"])
def test_long_values_keep_it_small_and_never_empty(character: str) -> None:
    long = character * 100_000
    changes = tuple(FileChange(long, kind) for kind in ("added", "modified", "removed")) * 5
    text = published(
        *(bad(long, message=long, hint=long, rule=long[:64], path=long) for _ in range(60)),
        *(result("a", changes=changes, path=long) for _ in range(60)),
        warnings=tuple(Finding(long[:64], long, long, 3, long) for _ in range(60)),
    )
    assert len(text.encode()) < 60_000
    assert [len(rows) > 1 for rows in tables(text)] == [True] * 3


# Whose text it is.

HOSTILE = [
    "a | b",
    "a\\| b",
    "\\",
    "`code`",
    "``` a",
    "<b>bold</b>",
    "<!-- hidden -->",
    "</code><script>alert(1)</script>",
    "</details>",
    "<img src=https://evil.example/x.png>",
    "![x](https://evil.example/x.png)",
    "[x](https://evil.example)",
    "[x]: https://evil.example",
    "https://evil.example",
    "www.evil.example",
    "evil@example.org",
    "@octocat",
    "@acme/everyone",
    "fixes #1",
    "acme/other#1",
    "GH-1",
    "!1 ~bug %1 &1",
    ":smile:",
    "*a* _b_ ~c~ ~~d~~ **e**",
    "$a$ $$b$$",
    "&lt;b&gt; &#64;octocat &amp;",
    "# Heading",
    "a\n\n# Heading\n\nb",
    "a\r\n| x | y |\n| --- | --- |",
    "| --- |",
    "/close",
    "- [x] done",
    "> quote",
    "[^1]",
    "[!WARNING]",
    "1. one",
    "a\u2028b\u202ec\U000e0041d\x1b[2J\x07",
    "\udcff",
    "0123456789abcdef0123456789abcdef01234567",
    "",
    " ",
    "  a  b  ",
]


def everywhere(text: str) -> str:
    """A report with one text in every place that takes a stranger's."""
    problem = dataclasses.replace(PROBLEM, message=text, hint=text, rule=text, path=text)
    changes = tuple(FileChange(text, kind) for kind in ("added", "modified", "removed"))
    return published(
        PublishResult(path=text, status="refused", error=problem),
        result(text, changes=changes, updated=(text,), path="elsewhere"),
        warnings=(Finding(text, text, text, 1, "elsewhere"),),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_has_a_meaning(text: str) -> None:
    report = everywhere(text)
    allowed = {"html_inline", "text", "text_special"}
    for token in read(report):
        for child in token.children or ():
            assert child.type in allowed, child
            if child.type == "html_inline":
                assert child.content in ("<code>", "</code>", "<br>")
        if token.type == "html_block":
            assert token.content in ("<details><summary>1 warning</summary>\n", "</details>\n")
    kinds = [token.type for token in read(report)]
    assert kinds == [token.type for token in read(everywhere("name"))]


MEANING = re.compile(r"[@#<>&`\\*_~$\[\]/]|\w\.\w|\w-\d|:\w|[0-9a-f]{7}")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_sites_read_afterwards_stands_in_code(text: str) -> None:
    """Mentions, references and addresses are looked for in the text outside of code."""
    report = everywhere(text)
    ours = re.compile(r"</?(?:details|summary|br)>|^#{3,4} |^\| | \|", re.MULTILINE)
    outside = ours.sub("", re.sub(r"<code>.*?</code>", "", report))
    assert MEANING.search(outside.replace("12.3 kB", "")) is None
    inside = re.sub(r"&#\d+;", "", "".join(re.findall(r"<code>(.*?)</code>", report)))
    assert re.search(r"[!-/:-@\[-`{-~]", inside) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_every_name_can_still_be_read(text: str) -> None:
    failures, changes, _ = tables(everywhere(text))
    assert changes[1][0][1:-1].replace("\xa0", " ").strip() == visible(text or "elsewhere").strip()
    told = re.sub(r"[`\s]+", "", failures[1][2])
    assert told == re.sub(r"[`\s]+", "", visible(text) * 2)


@pytest.mark.parametrize("kind", [PublishAnswer, CheckAnswer])
@pytest.mark.parametrize("choice", range(8))
def test_any_answer_can_be_written(kind: type, choice: int) -> None:
    text = markdown(filled(kind, "a|@b\n", choice))
    assert text.isprintable() or "\n" in text
    text.encode()
