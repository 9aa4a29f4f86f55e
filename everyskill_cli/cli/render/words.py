"""Words: the only text that blocks and writers take, and how values are said in them.

A value may be said differently on a terminal (``3 days ago``, ``12.3 kB``, ``★ 4.67 (12)``) and
in a pipe (``2026-01-02T03:04:05.678Z``, ``12345``, ``4.67``): people read the one, programs the
other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.safety import visible, visible_lines

if TYPE_CHECKING:
    from datetime import datetime

Role: TypeAlias = Literal["", "strong", "muted", "good", "attention", "bad", "stars", "command"]

_STATUS_ROLES: Final[dict[str, Role]] = {
    "published": "good",
    "promoted": "good",
    "rated": "good",
    "replaced": "good",
    "upgraded": "good",
    "installed": "good",
    "updated": "good",
    "removed": "good",
    "locked": "good",
    "clean": "good",
    "unyanked": "good",
    "recorded": "good",
    "imported": "good",
    "ok": "good",
    "intact": "good",
    "draft": "attention",
    "warning": "attention",
    "would-publish": "attention",
    "would-install": "attention",
    "would-update": "attention",
    "would-remove": "attention",
    "would-delete": "attention",
    "would-import": "attention",
    "busy": "attention",
    "outdated": "attention",
    "other-version": "attention",
    "unknown": "attention",
    "edited": "attention",
    "rolled-back": "attention",
    "yanked": "bad",
    "purged": "bad",
    "deleted": "bad",
    "missing": "bad",
    "refused": "bad",
    "failed": "bad",
    "damaged": "bad",
    "interrupted": "attention",
}
_AGES: Final = (  # seconds, the word for people, and its short form in tables
    (365 * 86_400, "year", "y"),
    (30 * 86_400, "month", "mo"),
    (86_400, "day", "d"),
    (3_600, "hour", "h"),
    (60, "minute", "min"),
)
_MARKS: Final = ("-", "+", " ", "@", "\\")
_STRAY_LINE: Final = re.compile(r"\n(?![-+ @\\])")
_MARK_ROLES: Final[dict[str, Role]] = {"+": "good", "-": "bad", "@": "command", "\\": "muted"}
_SHELL_SAFE: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


class Words:
    """Text that is safe to print: it is filtered here, once, and cannot be made without.

    Attributes:
        spans: what a terminal shows, each part with its role.
        plain: what a pipe gets, always one line.
        lines: whether the spans may hold line breaks.

    """

    __slots__ = ("lines", "plain", "spans")

    def __init__(
        self, spans: Iterable[tuple[str, Role]], plain: str, *, lines: bool = False
    ) -> None:
        self.spans: Final = tuple(
            (visible(text, keep_newlines=lines), role) for text, role in spans
        )
        self.plain: Final = visible(plain)
        self.lines: Final = lines

    def __add__(self, other: Words) -> Words:
        return Words(
            self.spans + other.spans, self.plain + other.plain, lines=self.lines or other.lines
        )

    @property
    def shown(self) -> str:
        """What a terminal shows, without its roles."""
        return "".join(text for text, _ in self.spans)

    def __bool__(self) -> bool:
        return bool(self.plain or self.shown)


class Patch:
    """A unified diff that is safe to print: filtered here, once, as Words are.

    What is no line of a unified diff is the rest of the line before it, with an escape between
    them, and what does not begin as one is one line: nothing in a file can pass for something that
    is said about it.

    Attributes:
        lines: with their tabs, because programs read them.
    """

    __slots__ = ("lines",)

    def __init__(self, text: str) -> None:
        whole = _STRAY_LINE.sub(r"\\n", text.removesuffix("\n"))
        shown = visible_lines(whole) if text[:1] in _MARKS else visible(text)
        self.lines: Final = shown.split("\n") if text else []

    @property
    def spans(self) -> list[tuple[str, Role]]:
        """What a terminal shows: the lines with spaces for tabs, each with its role."""
        roles: list[Role] = [_MARK_ROLES.get(line[:1], "") for line in self.lines]
        roles[:2] = ["strong"] * len(roles[:2])  # the names of both sides
        return [(line.expandtabs(4), role) for line, role in zip(self.lines, roles, strict=True)]


def say(text: str, role: Role = "", plain: str | None = None) -> Words:
    """Say a text on one line; in a pipe the same, or what ``plain`` says."""
    return Words(((text, role),), text if plain is None else plain)


def only_shown(text: str, role: Role = "") -> Words:
    """Say something that a pipe does not get."""
    return say(text, role, plain="")


def only_piped(value: object) -> Words:
    """Say something that a terminal does not show; None says nothing."""
    return Words((), "" if value is None else str(value))


def command(line: str) -> Words:
    """Say a line to type; in a pipe nobody types."""
    return only_shown(line, "command")


def named(slug: str, version: int | None) -> str:
    """Write ``SLUG@N``, or the slug alone where there is no number."""
    return slug if version is None else f"{slug}@{version}"


def joined(parts: list[Words], between: str) -> Words:
    """Put what is not empty one behind the other, on a terminal and in a pipe each for itself."""
    spans: list[tuple[str, Role]] = []
    for part in parts:
        if part.shown:
            spans += [(between, ""), *part.spans] if spans else part.spans
    return Words(tuple(spans), between.join(part.plain for part in parts if part.plain))


def flowing(text: str, role: Role = "") -> Words:
    """Say prose whose line breaks mean nothing: it is one line, which a terminal wraps."""
    return say(re.sub(r"(?:[ \t\n]|\r\n)+", " ", text).strip(" "), role)


def prose(text: str, role: Role = "") -> Words:
    """Say prose with its line breaks; empty lines become one. In a pipe they are escapes."""
    whole = re.sub(r"\n[ \t\n]*\n", "\n\n", text.replace("\r\n", "\n")).strip(" \n")
    return Words(((whole, role),), text, lines=True)


def status(word: str) -> Words:
    """Say where something stands, in its colour."""
    return say(word, _STATUS_ROLES.get(word, "muted"))


def role_of(word: str) -> Role:
    """Give the colour of a status."""
    return _STATUS_ROLES.get(word, "muted")


def moment(when: datetime, now: datetime, *, short: bool = False) -> Words:
    """Say how long ago something was; in a pipe the moment itself, as it is stored."""
    return say(_ago(when, now, short=short), "muted", plain=timestamp(when))


def _ago(when: datetime, now: datetime, *, short: bool) -> str:
    seconds = (now - when).total_seconds()
    for length, word, letter in _AGES:
        count = int(seconds // length)
        if count >= 1:
            return f"{count}{letter} ago" if short else f"{_plural(count, word)} ago"
    return "just now"


def size(count: int) -> Words:
    """Say a number of bytes."""
    return say(_human_size(count), plain=str(count))


def _human_size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    amount = count / 1000
    for unit in ("kB", "MB", "GB"):
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def digest(sha256: str) -> Words:
    """Say a SHA-256: its beginning on a terminal, all of it in a pipe."""
    return say(f"sha256:{sha256[:12]}…", plain=sha256)


def number(count: int) -> Words:
    """Say a count; thousands are set apart on a terminal."""
    return say(f"{count:,}", plain=str(count))


def counted(count: int, word: str) -> Words:
    """Say a count with its unit; in a pipe the number alone."""
    return say(_plural(count, word), plain=str(count))


def stars(given: int) -> Words:
    """Say 1–5 stars; any other number, which only a damaged row holds, as a number."""
    if given not in range(1, 6):
        return say(str(given), "stars")
    return say("★" * given, "stars", plain=str(given)) + only_shown("☆" * (5 - given), "muted")


def average(hundredths: int | None, count: int) -> Words:
    """Say an average (given × 100) and of how many; in a pipe the average alone, as ``4.67``."""
    if hundredths is None:
        return say("–", "muted", plain="")
    value = f"{hundredths / 100:.2f}"
    return say(f"★ {value}", "stars", plain=value) + only_shown(f" ({count:,})", "muted")


def optional(text: str | None, role: Role = "") -> Words | None:
    """Say a text that may be missing; an empty one is missing too."""
    return say(text, role) if text else None


def rate_line(reference: str) -> str:
    """Write the line that rates a version."""
    return f'everyskill rate {reference} 5 -c "what it did for you"'


def quoted(word: str) -> str:
    """Write a word so that a shell reads it back as it is."""
    if _SHELL_SAFE.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
