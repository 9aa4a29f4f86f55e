"""Frontmatter, YAML, names and descriptions: text stays text, and nothing else gets through."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.skill.card import first_paragraph, slugify
from everyskill_cli.skill.content import MARKDOWN, Content, read_content
from everyskill_cli.skill.files import SkillFile
from everyskill_cli.skill.plain_yaml import parse_yaml


def read(text: str | bytes) -> Content:
    data = text.encode() if isinstance(text, str) else text
    return read_content(SkillFile("SKILL.md", data, executable=False), MARKDOWN)


def frontmatter(text: str) -> object:
    return read(f"---\n{text}\n---\nBody").frontmatter


def broken(text: str) -> InvalidSkill:
    with pytest.raises(InvalidSkill) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize(
    "scalar",
    ["1.10", "yes", "no", "null", "~", "0x1F", "1e3", ".inf", "2024-01-01", "0o17", "12:30:45"],
)
def test_scalars_stay_as_they_are_written(scalar: str):
    assert frontmatter(f"version: {scalar}") == {"version": scalar}
    assert frontmatter(f"{scalar}: x") == {scalar: "x"}


def test_lists_maps_blocks_and_nothing():
    text = "a:\n  - x\n  - {b: 'c', d: }\ne: |\n  one\n  two\nf: >\n  one\n  two\n<<: {g: 1}"
    assert frontmatter(text) == {
        "a": ["x", {"b": "c", "d": ""}],
        "e": "one\ntwo\n",
        "f": "one two\n",
        "<<": {"g": "1"},
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "{}"])
def test_empty_frontmatter_is_one(text: str):
    assert frontmatter(text) == {}


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("---\na: b\n---\nBody", "\nBody"),
        ("---\r\na: b\r\n---\r\nBody", "\nBody"),
        ("--- \t\na: b\n---  \nBody", "\nBody"),
        ("\ufeff---\na: b\n---\nBody", "\nBody"),
        ("---\na: b\n---", ""),
        ("---\na: b\n\n---\n---\n", "\n---\n"),
    ],
)
def test_where_frontmatter_begins_and_ends(text: str, body: str):
    content = read(text)
    assert content.frontmatter == {"a": "b"}
    assert content.body.lstrip("\r") == body


@pytest.mark.parametrize("text", ["# Title", "----\na: b\n---\n", " ---\na: b\n---\n", "--\n"])
def test_what_is_no_frontmatter(text: str):
    content = read(text)
    assert content.frontmatter is None
    assert content.body == text


def test_a_line_of_four_hyphens_does_not_close():
    assert broken("---\na: b\n----\nBody").rule == "unclosed-frontmatter"


def test_64_kib_are_taken_and_not_one_byte_more():
    value = "a" * (64 * 1024 - len("name: \n"))
    assert read(f"---\nname: {value}\n---\n").frontmatter == {"name": value}
    assert broken(f"---\nname: {value}b\n---\n").rule == "frontmatter-too-large"
    assert broken(f"---\nname: {value[:-1]}\u00e9\n---\n").rule == "frontmatter-too-large"


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("---\nname: a\nname: b\n---\n", "duplicate-key", 3),
        ("---\nname: a\n\nmetadata:\n  x: 1\n  x: 2\n---\n", "duplicate-key", 6),
        ("---\nname: a\nb: &c d\n---\n", "yaml-alias", 3),
        ("---\nname: a\nb: *c\n---\n", "yaml-alias", 3),
        ("---\nname: !!str a\n---\n", "yaml-tag", 2),
        ("---\nname: a\ndescription: b: c\n---\n", "invalid-frontmatter", 3),
        ("---\nname: a\n\tb: c\n---\n", "invalid-frontmatter", 3),
        ("---\na: b\n...\nc: d\n---\n", "invalid-frontmatter", 4),
        ("---\n- a\n---\n", "frontmatter-not-a-map", 2),
        ("a\nb\n\0", "nul-character", 3),
    ],
)
def test_errors_name_the_line(text: str, rule: str, line: int):
    error = broken(text)
    assert (error.rule, error.path, error.line) == (rule, "SKILL.md", line)
    assert f"SKILL.md line {line} " in error.message


def test_half_characters_are_refused():
    error = broken('---\nname: "\\ud800"\n---\n')  # libyaml has its own words for it
    assert error.rule in ("unstorable-text", "invalid-frontmatter")


def test_both_of_pyyamls_parsers_give_the_same(monkeypatch):
    text = "a: [1, {b: c}]\n'd': \"\\x41\"\ne: |\n  f\n"
    fast = parse_yaml(text, path="a", rule="r")
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert parse_yaml(text, path="a", rule="r") == fast
    with pytest.raises(InvalidSkill) as caught:
        parse_yaml("a: [" * 500, path="a", rule="r")
    assert caught.value.rule == "yaml-too-deep"


yaml_like = st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"#%@`\\ \n\t?~.0\u00e9\ufeff\x85"))


@given(st.one_of(st.text(), yaml_like))
@example("\ud800")
@example("? [a]\n: b")
def test_any_frontmatter_is_read_or_refused(text: str):
    try:
        found = frontmatter(text)
    except (InvalidSkill, UnicodeEncodeError):
        return
    assert json.loads(json.dumps(found)) == found


@given(st.binary())
@example(b"---\n\xff\n---\n")
def test_any_bytes_are_read_or_refused(data: bytes):
    for prefix in (b"", b"---\n", b"\xef\xbb\xbf---\n"):
        try:
            assert read(prefix + data).text
        except InvalidSkill as error:
            assert error.rule


trees = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(alphabet="abcdef-", min_size=1), inner, max_size=4),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(alphabet="abcdef-", min_size=1, max_size=20), trees, max_size=6))
def test_what_pyyaml_writes_comes_back(value: dict[str, object]):
    assert parse_yaml(yaml.safe_dump(value), path="a", rule="r").value == value


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("PDF Tools", "pdf-tools"),
        ("pdf_tools.v2", "pdf-tools-v2"),
        ("--Already--", "already"),
        ("Crème Brûlée", "creme-brulee"),
        ("\ufb01ne \u2460", "fine-1"),
        ("C++ & Rust", "c-rust"),
        ("技能", ""),
        ("", ""),
    ],
)
def test_slugify(text: str, slug: str):
    assert slugify(text) == slug


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("# Title\n\nFirst line\nsecond line.\n\nMore.", "First line second line."),
        ("Title\n=====\n\nText.", "Text."),
        ("Title\n-----\nText.", "Text."),
        ("\n<!-- note -->\n[![badge](x)](y)\n![image](x)\n\nText.", "Text."),
        ("```\ncode\n```\nText.\n```\nmore\n```", "Text."),
        ("- a list\n- of things", "- a list - of things"),
        ("| a | b |\n|---|---|\n", ""),
        ("#tag is prose", "#tag is prose"),
        ("# Title alone", ""),
        ("word " * 400, ("word " * 400)[:1024].rstrip()),
    ],
)
def test_first_paragraph(body: str, text: str):
    assert first_paragraph(body) == text
