"""Answers about the registry itself: what ``doctor``, ``config`` and ``upgrade`` print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from everyskill_cli.model.words import Finding, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of ``doctor``: what was looked at, what was found, and what to type.

    Attributes:
        status: ``ok``, ``warning`` (works, with less than was promised) or ``failed``.
        fix: the next thing to type or change; None where nothing has to be done.

    """

    name: str
    status: Literal["ok", "warning", "failed"]
    found: str
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorAnswer:
    """All checks of ``doctor``; ``status`` is the worst of theirs."""

    status: Literal["ok", "warning", "failed"]
    results: tuple[Check, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigAnswer:
    """All settings of ``config``."""

    status: Literal["ok"]
    results: tuple[Setting, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeAnswer:
    """What ``upgrade`` did to the schema; ``before`` is None for a new registry."""

    status: Literal["upgraded", "unchanged"]
    results: tuple[SchemaChange, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """The schema's revision before and after; ``backup`` is the copied file of a SQLite one."""

    database: str
    before: str | None
    after: str
    backup: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsAnswer:
    """The script of ``admin grants``, in its order; ``applied`` in one transaction."""

    status: Literal["printed", "applied"]
    results: tuple[Statement, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of SQL, without its semicolon, and what it is for."""

    why: str
    sql: str
