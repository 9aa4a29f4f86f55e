"""No character that acts on a terminal, hides or reorders text is printed, whoever wrote it."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from everyskill_cli.cli import render
from everyskill_cli.cli.render.safety import visible_json
from everyskill_cli.model import ConfigAnswer, ShowAnswer, SkillPage
from tests.payloads import HARMLESS, HIDDEN, PAYLOADS
from tests.samples import ANSWERS, Terminal, errors, filled, realistic

SGR = re.compile("\x1b\\[[0-9;]*m")
REALISTIC = realistic()


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def printed(value: object, out: io.StringIO, **options: object) -> tuple[str, str]:
    """What an answer puts on stdout and stderr."""
    err = Terminal() if out.isatty() else io.StringIO()
    render.answer(value, stdout=out, stderr=err, **({"as_json": False} | options))
    return out.getvalue(), err.getvalue()


def check(text: str, name: str, *, tabs: bool = False) -> None:
    """Fail on a character that must not be printed; a pipe has tabs between its columns."""
    if name in HARMLESS:
        text = re.sub("[\u200c\u200d\ufe0f]", "", text)
    hidden = HIDDEN.search(text.replace("\t", "") if tabs else text)
    assert hidden is None, ascii(text)
    assert re.search("[\u0300-\u036f]{6}", text) is None


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_field_of_every_answer_is_filtered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    for kind in ANSWERS:
        value = filled(kind, PAYLOADS[name])
        for text in printed(value, io.StringIO()):
            check(text, name, tabs=True)
        for text in printed(value, Terminal()):
            check(text, name)
    files = filled(ShowAnswer, PAYLOADS[name])
    check(printed(files, io.StringIO(), part="files")[0], name, tabs=True)
    check(printed(files, Terminal(), part="files")[0], name)


@pytest.mark.parametrize("kind", ANSWERS)
def test_colours_are_all_that_colour_adds(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    for choice in range(7):
        value = filled(kind, PAYLOADS["colour"], choice)
        coloured = printed(value, Terminal())
        assert SGR.search(coloured[0])
        with monkeypatch.context() as patch:
            patch.setenv("TERM", "dumb")
            bare = printed(value, Terminal())
        check("".join(bare), "colour")
        assert tuple(SGR.sub("", text) for text in coloured) == bare


@pytest.mark.parametrize("name", PAYLOADS)
def test_content_is_filtered_on_a_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    payload = PAYLOADS[name]
    text = (
        f"---\nname: {payload}\n---\n# {payload}\n\n{payload} *{payload}* `{payload}`\n\n"
        f"[{payload}](https://x.example/{payload} '{payload}') ![{payload}](<{payload}>)\n\n"
        f"```{payload}\n{payload}\n```\n\n| {payload} |\n|---|\n| {payload} |\n\n- {payload}\n"
    )
    for content_type in ("application/zip", "text/markdown", "text/plain", "application/json"):
        check(printed(shown(text, content_type), Terminal(), part="content")[0], name)


def shown(text: str, content_type: str = "text/markdown; charset=utf-8") -> object:
    """An answer with a text."""
    version = dataclasses.replace(REALISTIC.version, content_type=content_type)
    return dataclasses.replace(REALISTIC, text=text, version=version)


@pytest.mark.parametrize(
    "written", ["&#x202e;", "&#27;[31m", "&#x9b;", "&ZeroWidthSpace;", "&#8203;"]
)
def test_markdown_cannot_smuggle_a_character_in(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    text = f"{written} [a](https://x.example/{written}) ![a]({written})\n\n```{written}\nx\n```\n"
    for document in (written, text):
        out, _ = printed(shown(document), Terminal(), part="content")
        check(out, "markdown")
        assert written in out


def test_markdown_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    text = "# T\n<!-- one -->\n\na <b title='two'>b</b>\n\n[three]: https://four.example (five)\n"
    text += "\n[//]: # (six)\n\n[link](https://seven.example) ![eight](https://nine.example)\n"
    out, _ = printed(shown(text), Terminal(), part="content")
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"):
        assert word in out


@pytest.mark.parametrize(
    "text",
    [
        "> " * 25 + "secret",
        "".join("  " * depth + "- x\n" for depth in range(14)) + "  " * 14 + "- secret\n",
        "[a](https://x.example 'secret')",
        "```py secret\nx\n```",
        "```" + "x" * 30 + "secret\nx\n```",
        "| a |\n|---|\n| b | secret |\n",
        "| a " * 60 + "| secret |\n" + "|---" * 61 + "|\n",
    ],
)
def test_what_markdown_would_lose_is_shown_as_written(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out, _ = printed(shown(text), Terminal(), part="content")
    assert "secret" in out.replace("\n", "").replace(" ", "")


def test_links_are_not_terminal_links() -> None:
    out, _ = printed(shown("[a](https://x.example)"), Terminal(), part="content")
    assert "\x1b]8" not in out
    assert "https://x.example" in SGR.sub("", out)


@pytest.mark.parametrize("name", PAYLOADS)
def test_errors_and_hints_are_filtered(name: str) -> None:
    for error in errors(PAYLOADS[name]):
        err = io.StringIO()
        render.failure(error, as_json=False, stderr=err)
        check(err.getvalue(), name)
        assert err.getvalue().count("\n") == 1 + bool(error.hint)
        coloured = Terminal()
        render.failure(error, as_json=False, stderr=coloured)
        assert re.sub("\x1b\\[(1;31|36|0)m", "", coloured.getvalue()) == err.getvalue()


@pytest.mark.parametrize("name", PAYLOADS)
def test_json_is_filtered_and_says_the_same(name: str) -> None:
    for kind in ANSWERS:
        value = filled(kind, PAYLOADS[name])
        out, err = printed(value, io.StringIO(), as_json=True)
        assert HIDDEN.search(out) is None
        assert json.loads(out) == render.to_json(value)
        assert err == ""
    for error in errors(PAYLOADS[name]):
        stderr = io.StringIO()
        render.failure(error, as_json=True, stderr=stderr)
        assert HIDDEN.search(stderr.getvalue()) is None
        assert json.loads(stderr.getvalue())["error"]["message"] == PAYLOADS[name]


@pytest.mark.parametrize("kind", ANSWERS)
def test_nothing_forges_a_line_or_a_column(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    evil = filled(kind, "a\nerror: forged\tb")
    honest = filled(kind, r"a\nerror: forged\tb")
    for sign in "\n\t":
        assert printed(evil, io.StringIO())[0].count(sign) == printed(honest, io.StringIO())[
            0
        ].count(sign)
    for line in printed(evil, Terminal())[0].splitlines():
        assert not line.lstrip(" ").startswith("error: forged\\"), line


def test_what_is_hidden_becomes_visible() -> None:
    out, _ = printed(filled(SkillPage, "x\x1b[2J\u202e\U000e0041\udcff"), io.StringIO())
    assert r"x\x1b[2J\u202e\U000e0041\udcff" in out


def test_rich_markup_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out, _ = printed(filled(ConfigAnswer, "[bold]x[/bold] :smile:"), Terminal())
    assert "[bold]x[/bold] :smile:" in SGR.sub("", out)


def test_a_line_to_type_is_quoted_for_the_shell() -> None:
    out, _ = printed(filled(ShowAnswer, "a;rm -rf 'b'"), Terminal())
    assert """everyskill ratings 'a;rm -rf '"'"'b'"'"''""" in SGR.sub("", out)


@pytest.mark.parametrize("width", [20, 40, 80, 120])
@pytest.mark.parametrize("name", ["wide", "long", "markup", "zalgo", "newline", "tags", "emoji"])
def test_no_line_is_wider_than_the_terminal(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", str(width))
    for kind in ANSWERS:
        out, _ = printed(filled(kind, PAYLOADS[name]), Terminal())
        for line in out.splitlines():
            # a line to type is never broken: whoever copies it gets all of it
            assert cell_len(line) <= width or "everyskill " in line, line


@given(st.text(alphabet=st.characters()))
def test_the_filter_is_complete_and_stable(text: str) -> None:
    shown = render.visible(text)
    assert render.visible(shown) == shown
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert re.search("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]", shown) is None
    lines = render.visible(text, keep_newlines=True)
    assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in lines if c != "\n")
    assert render.visible(lines, keep_newlines=True) == lines


@given(st.text(alphabet=st.characters()) | st.text(alphabet="a\u0301\u0308\n", max_size=20))
def test_filtered_json_reads_back(text: str) -> None:
    written = visible_json(json.dumps([text], ensure_ascii=False))
    assert json.loads(written) == json.loads(json.dumps([text]))
    assert HIDDEN.search(written) is None
    assert re.search("[\u0300-\u036f]{6}", written) is None


@given(st.text(max_size=300))
def test_any_markdown_can_be_rendered(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "dumb")
        check_lines(printed(shown(text), Terminal(), part="content")[0])


MARKDOWN = st.text(alphabet="abc #*_`[]()<>!|-+:\n\\&;1.~>=\t\"'", max_size=200)


@given(MARKDOWN)
def test_any_mess_of_markdown_can_be_rendered(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "dumb")
        check_lines(printed(shown(text), Terminal(), part="content")[0])


def check_lines(text: str) -> None:
    """Fail on a control character."""
    assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in text if c != "\n")


def test_scripts_keep_their_spelling() -> None:
    for text in (
        "👩\u200d💻",
        "⚠\ufe0f",
        "1\ufe0f\u20e3",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "क्\u200dष",
        "שָׁלוֹם",
        "é",
    ):
        assert render.visible(text) == text
