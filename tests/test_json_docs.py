"""docs/json.md and the code name the same fields, types, words, columns and keys."""

from __future__ import annotations

import dataclasses
import io
import re
import types
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin

import pytest

from everyskill_cli import errors, model
from everyskill_cli.cli import render
from everyskill_cli.cli.render import (
    batches,
    checking,
    cleaning,
    differing,
    figures,
    finding,
    importing,
    installing,
    lists,
    verbs,
    verdicts,
    verifying,
)
from everyskill_cli.cli.render.blocks import Column
from everyskill_cli.errors import EveryskillError
from everyskill_cli.model import (
    DeletionAnswer,
    PublishAnswer,
    PurgeAnswer,
    RateAnswer,
    ReleaseAnswer,
    ShowAnswer,
    SkillStatsAnswer,
    StatsAnswer,
    UsageImportAnswer,
    UseAnswer,
    VerifyAnswer,
)
from tests.samples import ANSWERS, ROOT, filled, hints_of

DOCUMENT = (ROOT / "docs/json.md").read_text(encoding="utf-8")
PIPE = DOCUMENT.partition("## Text in a pipe")[2]
# What goes in, or between rooms, and is never printed.
NOT_PRINTED = {"Filters", "Head", "NewSkill", "Opinion", "Pin", "Reference"}


def documented() -> dict[str, dict[str, str]]:
    """Every shape of the document with its fields and their types."""
    shapes = {}
    for section in re.split(r"^### ", DOCUMENT, flags=re.MULTILINE)[1:]:
        name = section.partition("\n")[0]
        _, header, table = section.partition("| field | type | meaning |\n| --- | --- | --- |\n")
        assert header, name
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", table.partition("\n\n")[0], re.M)
        assert len(rows) == len(table.partition("\n\n")[0].strip().splitlines()), name
        shapes[name] = {field: kind for field, kind, _ in rows}
    return shapes


def kind_of(hint: Any) -> str:
    """A field's type in the document's words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(f"`{word}`" for word in arguments)
    return f"`{json_kind(hint, origin, arguments)}`"


def json_kind(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin in (Union, types.UnionType):
        assert arguments[1:] == (types.NoneType,)
        return kind_of(arguments[0]).strip("`") + " or null"
    if origin is tuple:
        return kind_of(arguments[0]).strip("`") + "[]"
    if origin is dict:
        return "object"
    simple = {str: "string", int: "integer", bool: "boolean", datetime: "time"}
    return simple.get(hint, hint.__name__)


def shapes_of_the_code() -> dict[str, dict[str, str]]:
    """Every dataclass of the model that can be printed."""
    found = {name: getattr(model, name) for name in dir(model)}
    return {
        name: {field: kind_of(hint) for field, hint in hints_of(kind).items()}
        for name, kind in found.items()
        if dataclasses.is_dataclass(kind) and name not in NOT_PRINTED
    }


def test_the_document_has_every_shape_and_no_other() -> None:
    assert documented().keys() == shapes_of_the_code().keys()


@pytest.mark.parametrize("name", shapes_of_the_code())
def test_the_document_has_every_field_and_its_type_in_order(name: str) -> None:
    assert list(documented()[name].items()) == list(shapes_of_the_code()[name].items())


def test_every_answer_is_documented_with_its_command() -> None:
    for kind in ANSWERS:
        section = DOCUMENT.partition(f"### {kind.__name__}\n")[2]
        assert re.match(r"\n`everyskill \w+( (--)?\w+)?`", section), kind


def test_every_status_of_publish_says_what_it_means() -> None:
    section = DOCUMENT.partition("| status | says |")[2].partition("\n\n")[0]
    words = get_args(hints_of(PublishAnswer)["status"])
    assert tuple(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == words


def test_every_error_is_documented_with_its_code() -> None:
    section = DOCUMENT.partition("| type | code | the caller should |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", section, re.MULTILINE)
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = {(c.__name__, str(c.code)) for c in classes if issubclass(c, EveryskillError)}
    assert set(rows) == known
    assert len(rows) == len(known)


def test_the_error_object_is_documented() -> None:
    section = DOCUMENT.partition("## Exit codes and errors")[2].partition("| type | code")[0]
    fields = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    err = io.StringIO()
    render.failure(errors.InvalidSkill("x", rule="y"), as_json=True, stderr=err)
    assert fields == re.findall(r'^    "(\w+)":', err.getvalue(), re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("list", lists.SKILL_COLUMNS),
        ("search", finding.FOUND_COLUMNS),
        ("versions", lists.VERSION_COLUMNS),
        ("ratings", lists.RATING_COLUMNS),
        ("show --files", lists.FILE_COLUMNS),
        ("install`, `update`, `uninstall", installing.INSTALL_COLUMNS),
        ("list --installed`, `outdated", installing.INSTALLED_COLUMNS),
        ("diff --stat", differing.STAT_COLUMNS),
        ("check", checking.COLUMNS),
        ("gc", cleaning.GC_COLUMNS),
        ("doctor", lists.CHECK_COLUMNS),
        ("config", lists.SETTING_COLUMNS),
        ("upgrade", verbs.UPGRADE_COLUMNS),
    ],
)
def test_the_columns_in_a_pipe_are_documented(command: str, columns: tuple[Column, ...]) -> None:
    row = re.search(rf"^\| `{command}` \| (.+) \|$", PIPE, re.MULTILINE)
    assert row
    said = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row[1]))
    assert said == [column.name for column in columns if column.place != "screen"]


def test_the_columns_of_a_publish_of_many_are_documented() -> None:
    row = re.search(r"^\| `publish` of many \| (.+) \|$", PIPE, re.MULTILINE)
    assert row
    said = re.findall(r"`(\w+)`", row[1])
    assert said == [column.name for column in batches.PIPE_COLUMNS]


def keys_of(value: object) -> list[str]:
    """The keys that an answer has in a pipe, each once."""
    out = io.StringIO()
    render.answer(value, as_json=False, stdout=out, stderr=io.StringIO())
    return list(dict.fromkeys(re.findall(r"^(\w+):", out.getvalue(), re.MULTILINE)))


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("publish", PublishAnswer),
        ("rate", RateAnswer),
        ("promote", ReleaseAnswer),
        ("rollback", ReleaseAnswer),
        ("yank", ReleaseAnswer),
        ("unyank", ReleaseAnswer),
        ("use", UseAnswer),
        ("purge", PurgeAnswer),
        ("purge --everything", DeletionAnswer),
    ],
)
def test_the_keys_of_an_action_in_a_pipe_are_documented(command: str, kind: type) -> None:
    others = r"(?:`\w+`, )*"
    row = re.search(rf"^\| {others}`{command}`(?:, `\w+`)* \| (.+) \|$", PIPE, re.MULTILINE)
    assert row
    said = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row[1]))
    value = filled(kind, "x")
    if kind is PublishAnswer:  # of a skill that was published; others are said in rows
        one = dataclasses.replace(value.results[0], error=None)
        value = dataclasses.replace(value, results=(one,))
    assert said == keys_of(value)


def test_the_lines_of_verify_in_a_pipe_are_documented() -> None:
    section = PIPE.partition("`verify` prints")[2].partition("\n\n")[0]
    rows, _, keys = section.partition("`key: value`")
    columns = [column.name for column in verifying.DAMAGE_COLUMNS]
    assert re.findall(r"`(\w+)`", rows) == columns
    assert re.findall(r"`(\w+)`", keys) == keys_of(filled(VerifyAnswer, "x"))[1:]


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ("period:", figures.PERIOD_COLUMNS),
        ("skill:", figures.SKILL_COLUMNS),
        ("change:", verdicts.CHANGE_COLUMNS),
        ("unused:", figures.QUIET_COLUMNS),
    ],
)
def test_the_rows_of_stats_in_a_pipe_are_documented(row: str, columns: tuple[Column, ...]) -> None:
    found = re.search(rf"^\| `{row}`(?:, `\w+:`)* \| (.+) \|$", PIPE, re.MULTILINE)
    assert found
    said = re.findall(r"`(\w+)`", found[1])
    assert said == [column.name for column in columns if column.place != "screen"]


def test_the_rows_of_versions_differ_in_their_beginning_alone() -> None:
    row = re.search(r"^\| `version:` \| (.+), and from `average_rating` on", PIPE, re.MULTILINE)
    assert row
    own = [c.name for c in figures.VERSION_COLUMNS[: -len(figures.FIGURE_COLUMNS)]]
    assert re.findall(r"`(\w+)`", row[1]) == own


@pytest.mark.parametrize(
    ("whose", "kind"),
    [("Of a registry or an author", StatsAnswer), ("of a skill", SkillStatsAnswer)],
)
def test_the_keys_of_stats_in_a_pipe_are_documented(whose: str, kind: type) -> None:
    section = PIPE.partition("`stats` prints")[2].partition("`stats --csv`")[0]
    own = re.search(rf"{whose}:\s([^;]+);", section)
    both = section.partition("of both:")[2]
    assert own
    said = re.findall(r"`(\w+)`", own[1]) + re.findall(r"`(\w+)`", both)
    keys = keys_of(filled(kind, "x"))
    assert [key for key in keys if not figures_row(key)] == said


def figures_row(key: str) -> bool:
    """Tell whether a key is the first word of rows."""
    return key in ("period", "skill", "version", "change", "unused", "unrated")


def test_the_lines_of_usage_import_are_documented() -> None:
    section = PIPE.partition("`usage import` prints")[2].partition("\n\n")[0]
    counts, _, rows = section.partition("and rows:")
    keys = keys_of(filled(UsageImportAnswer, "x"))
    assert re.findall(r"`(\w+)`", counts.replace("`key: value`", "")) == keys[:-3]
    for key, columns in zip(
        keys[-3:],
        (importing.USED_COLUMNS, importing.UNKNOWN_COLUMNS, importing.UNREAD_COLUMNS),
        strict=True,
    ):
        row = re.search(rf"`{key}:` \(([^)]+)\)", rows)
        assert row
        assert re.findall(r"`(\w+)`", row[1]) == [column.name for column in columns]


def test_the_keys_of_show_in_a_pipe_are_documented() -> None:
    section = PIPE.partition("`show` prints, with an empty line between them:")[2]
    section = section.partition("\n\n")[0].replace("columns of `versions`", "")
    said = re.findall(r"`(\w+):?`", section.replace("columns of `ratings`", ""))
    assert list(dict.fromkeys(said)) == keys_of(filled(ShowAnswer, "x"))
