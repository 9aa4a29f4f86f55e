"""What a word of a command line means: text in, a value out, or a sentence on what it may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import typer

from everyskill_cli.model import EXTERNAL_ID_MAX, TEXT_MAX, Reference, hundredths, is_slug


def reference(text: str) -> Reference:
    """Read ``SLUG[@VERSION]`` from the command line."""
    try:
        return Reference.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def slug(text: str) -> str:
    """Read a slug, a tag or a category: they share one rule."""
    if not is_slug(text):
        raise typer.BadParameter(
            f"{text!r} is not 1-64 of a-z and 0-9 in groups joined by one hyphen."
        )
    return text


def label(text: str) -> str:
    """Read a slug, or nothing: an empty label clears what was there."""
    return slug(text) if text else ""


def whole_number(least: int, most: int) -> Callable[[object], int]:
    """Make a reader of whole numbers between two, both included."""

    def read(given: object) -> int:  # a text, or a default
        if re.fullmatch("-?[0-9]{1,9}", str(given)) and least <= int(str(given)) <= most:
            return int(str(given))
        raise typer.BadParameter(f"{given!r} is not a whole number from {least:,} to {most:,}.")

    return read


def prose(text: str) -> str:
    """Read free text that every database can store."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise typer.BadParameter("The text is not UTF-8.") from error
    if len(text) > TEXT_MAX:
        raise typer.BadParameter(f"The text has {len(text)} characters; {TEXT_MAX} are allowed.")
    return text


def email(text: str) -> str:
    """Read somebody's address, as it is stored."""
    return prose(text).strip().lower()


def rating(text: str) -> int:
    """Read an average of stars as hundredths, as it is stored."""
    try:
        return hundredths(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from error


def reason(text: str) -> str:
    """Read why something is done that nobody does without a reason."""
    if not text.strip():
        raise typer.BadParameter("The reason is empty.")
    return prose(text)


def since(text: str) -> timedelta | datetime:
    """Read a period that ends now: how long it is, or the day (UTC) with which it begins."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})([hdw])", text)
    if match:
        unit = {"h": "hours", "d": "days", "w": "weeks"}[match[2]]
        return timedelta(**{unit: int(match[1])})
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise typer.BadParameter(
        f"{text!r} is neither a time such as 12h, 90d or 8w nor a day such as 2026-01-31."
    )


def external_id(text: str) -> str:
    """Read an id that the caller made: one line that can be seen whole."""
    if not text.isprintable() or not 1 <= len(text) <= EXTERNAL_ID_MAX:
        raise typer.BadParameter(
            f"{text!a} is not an id of 1 to {EXTERNAL_ID_MAX} printable characters."
        )
    return text
