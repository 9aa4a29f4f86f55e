"""Answers to print: the picture's, and any answer with one text in every field that holds text."""

from __future__ import annotations

import dataclasses
import io
import runpy
import types
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from everyskill_cli import model
from everyskill_cli.errors import (
    Conflict,
    EveryskillError,
    InvalidSkill,
    NotFound,
)
from everyskill_cli.model import (
    CheckAnswer,
    ConfigAnswer,
    DeletionAnswer,
    DiffAnswer,
    DoctorAnswer,
    GcAnswer,
    GrantsAnswer,
    InstallAnswer,
    InstalledPage,
    InstalledSkill,
    OutdatedPage,
    PublishAnswer,
    PurgeAnswer,
    RateAnswer,
    RatingPage,
    ReleaseAnswer,
    SearchPage,
    ShowAnswer,
    SkillPage,
    SkillStatsAnswer,
    StatsAnswer,
    UpgradeAnswer,
    UsageImportAnswer,
    UseAnswer,
    VerifyAnswer,
    VersionPage,
)

ROOT = Path(__file__).parent.parent
ANSWERS: tuple[type, ...] = (
    PublishAnswer,
    CheckAnswer,
    RateAnswer,
    ReleaseAnswer,
    UseAnswer,
    ShowAnswer,
    SkillPage,
    SearchPage,
    VersionPage,
    DiffAnswer,
    RatingPage,
    InstallAnswer,
    InstalledPage,
    OutdatedPage,
    GcAnswer,
    PurgeAnswer,
    DeletionAnswer,
    DoctorAnswer,
    ConfigAnswer,
    UpgradeAnswer,
    VerifyAnswer,
    GrantsAnswer,
    StatsAnswer,
    SkillStatsAnswer,
    UsageImportAnswer,
)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def picture() -> dict[str, Any]:
    """The names that docs/picture.py defines."""
    return runpy.run_path(str(ROOT / "docs/picture.py"))


def realistic() -> ShowAnswer:
    """The answer in the picture."""
    answer = picture()["example"]()
    assert isinstance(answer, ShowAnswer)
    return answer


def hints_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields; the model names some for type checkers alone."""
    names = {name: getattr(model, name) for name in dir(model)}
    return get_type_hints(kind, localns=names | {"datetime": datetime})


def filled(kind: Any, text: str, choice: int = 0, *, empty: bool = False) -> Any:
    """Make a value of a type, every text in it the same.

    Args:
        kind: a type, as a dataclass annotates it.
        text: goes into every field that may hold any text.
        choice: which of a Literal's words to take, counted around.
        empty: leave lists empty and say None wherever that is allowed.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = hints_of(kind)
        made = kind(**{n: filled(h, text, choice, empty=empty) for n, h in hints.items()})
        if isinstance(made, InstalledSkill) and made.hint:  # a line to type
            return dataclasses.replace(made, hint=f"everyskill {text}")
        return made
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return arguments[choice % len(arguments)]
    if origin in (Union, types.UnionType):
        return None if empty else filled(arguments[0], text, choice)
    if origin is tuple:
        return () if empty else (filled(arguments[0], text, choice),) * 2
    if origin is dict:
        source = {"repository": text, "commit": text, "path": text, "modified": True}
        return {text: [text, {text: text}], "source": source}
    return {str: text, int: 3, bool: True, datetime: MOMENT}[kind]


def errors(text: str) -> tuple[EveryskillError, ...]:
    """Errors that say a text in every place."""
    return (
        Conflict(text, text),
        NotFound(text),
        InvalidSkill(text, text, rule="symlink", path=text, line=3),
    )


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Narrow(io.TextIOWrapper):
    """A stream with an encoding of its own, on a terminal or not."""

    def __init__(self, encoding: str, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict")
        self.terminal = terminal

    def isatty(self) -> bool:
        """Say what was asked for."""
        return self.terminal

    def text(self) -> str:
        """What was written."""
        self.flush()
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode(self.encoding)
