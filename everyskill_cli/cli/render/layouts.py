"""Which layout an answer has, and what is said about it beside the answer itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from everyskill_cli.cli.render.words import quoted, rate_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from everyskill_cli.cli.render import Asked
    from everyskill_cli.cli.render.blocks import Block

# By name: neither the classes nor the layouts of other answers need be loaded to print this one.
_LAYOUTS: Final = {
    "PublishAnswer": ("verbs", "published"),
    "CheckAnswer": ("checking", "checked"),
    "RateAnswer": ("verbs", "rated"),
    "ReleaseAnswer": ("releasing", "released"),
    "UseAnswer": ("releasing", "used"),
    "GcAnswer": ("cleaning", "collected"),
    "PurgeAnswer": ("cleaning", "purged"),
    "DeletionAnswer": ("cleaning", "deleted"),
    "UpgradeAnswer": ("verbs", "upgraded"),
    "VerifyAnswer": ("verifying", "verified"),
    "ShowAnswer": ("showing", "shown"),
    "SkillPage": ("lists", "skills"),
    "SearchPage": ("finding", "found"),
    "VersionPage": ("lists", "versions"),
    "DiffAnswer": ("differing", "patched"),
    "RatingPage": ("lists", "ratings"),
    "InstallAnswer": ("installing", "installed"),
    "InstalledPage": ("installing", "listed"),
    "OutdatedPage": ("installing", "listed"),
    "DoctorAnswer": ("lists", "checks"),
    "ConfigAnswer": ("lists", "config"),
    "GrantsAnswer": ("granting", "script"),
    "StatsAnswer": ("counting", "of_many"),
    "SkillStatsAnswer": ("counting", "of_skill"),
    "UsageImportAnswer": ("importing", "imported"),
}
_PARTS: Final = {
    "files": ("lists", "files"),
    "names": ("differing", "names"),
    "stat": ("differing", "counted_up"),
}
_NARROWED: Final = ("No skill has all that.", "Ask for less, or see all: everyskill list")
_REST: Final = ("There are no more.", "The first page is the same command without --after.")
_EMPTY: Final = {
    "SkillPage": ("No skills here.", "Publish one: everyskill publish PATH"),
    "SearchPage": ("No skill is found.", "Fewer words, or other ones, find more."),
    "VersionPage": ("No versions here.", ""),
    "RatingPage": ("No ratings here.", f"Give one: {rate_line('SLUG')}"),
    "InstalledPage": ("Nothing is installed.", "Install a skill: everyskill install SLUG"),
    "OutdatedPage": ("Nothing is outdated.", ""),
}


def blocks_of(value: Any, now: datetime, part: str | None = None) -> list[Block]:
    """Lay an answer out.

    Args:
        value: one of the answers.
        now: what "3 days ago" counts from.
        part: ``files`` for the manifest of a ShowAnswer alone; ``names`` or ``stat`` for the paths
            or the counts of a DiffAnswer alone.

    """
    room, name = _PARTS.get(part or "") or _LAYOUTS[type(value).__name__]
    layout: Callable[[Any, datetime], list[Block]]
    layout = getattr(import_module(f"everyskill_cli.cli.render.{room}"), name)
    return layout(value, now)


def notes_of(value: Any, asked: Asked = "all") -> list[tuple[str, str]]:
    """Give what goes to stderr beside an answer, each as a label and a sentence.

    Args:
        value: one of the answers.
        asked: for what, where filters or a place may have left everything out.
    """
    kind = type(value).__name__
    if kind == "CheckAnswer":
        return []  # its warnings are what was asked for, and stand in the answer
    if kind == "PublishAnswer" and len(value.results) > 1:
        from everyskill_cli.cli.render import batches

        return batches.notes(value)
    notes = [("warning", finding.message) for finding in getattr(value, "warnings", ())]
    if kind == "StatsAnswer" and value.skills == 0:
        message, hint = _EMPTY["SkillPage"]
        return [*notes, ("", message), ("hint", hint)]
    if kind not in _EMPTY:
        return notes
    if value.next is not None:
        notes.append(("more", f"the same command with --after={quoted(value.next)}"))
    elif not value.items and not _is_explained(kind, value):
        message, hint = {"some": _NARROWED, "rest": _REST}.get(asked, _EMPTY[kind])
        if kind == "SearchPage" and value.suggestions:
            hint = f"Did you mean: {', '.join(value.suggestions)}"
        notes += [("", message), ("hint", hint)] if hint else [("", message)]
    return notes


def _is_explained(kind: str, value: Any) -> bool:
    """Tell whether a warning says already why a page is empty; that there is nothing is not so."""
    if kind == "OutdatedPage":  # it is not known
        return bool(value.warnings)
    return any(finding.rule == "unreadable" for finding in getattr(value, "warnings", ()))
