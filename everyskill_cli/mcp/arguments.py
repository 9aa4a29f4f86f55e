"""What a tool is given: read one by one, and refused in a sentence that says how it is meant.

The schema tells a client what to send; who sends something else is told what is wrong with it, as
on the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from everyskill_cli.errors import UsageError
from everyskill_cli.model import (
    EXTERNAL_ID_MAX,
    TAGS_MAX,
    TEXT_MAX,
    JsonObject,
    Reference,
    hundredths,
    is_slug,
)

SKILL: Final = "SLUG, or SLUG@VERSION: a number, latest, published or draft."


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a tool.

    Attributes:
        name: of it.
        schema: what a client may send, as JSON Schema.
        read: makes of what was sent what a verb takes; a ValueError says what is wrong.
        default: where nothing was sent; ``REQUIRED`` where something has to be.
    """

    name: str
    schema: JsonObject
    read: Callable[[Any], Any]
    default: Any = None


REQUIRED: Final = object()


def schema_of(arguments: Sequence[Argument]) -> JsonObject:
    """Say what a tool takes, as JSON Schema."""
    return {
        "type": "object",
        "properties": {argument.name: argument.schema for argument in arguments},
        "required": [argument.name for argument in arguments if argument.default is REQUIRED],
        "additionalProperties": False,
    }


def read(tool: str, arguments: Sequence[Argument], given: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a tool was given; null is nothing.

    Raises:
        UsageError: something is missing, unknown, or not what it has to be.
    """
    known = {argument.name for argument in arguments}
    sent = {name: value for name, value in given.items() if value is not None}
    for name in sorted(sent.keys() - known):
        raise _refused(tool, arguments, f"{tool} takes no argument {name!a}.")
    found: dict[str, Any] = {}
    for argument in arguments:
        if argument.name in sent:
            try:
                found[argument.name] = argument.read(sent[argument.name])
            except ValueError as error:
                what = f"{argument.name}: {str(error).rstrip('.')}."
                raise _refused(tool, arguments, what) from error
        elif argument.default is REQUIRED:
            raise _refused(tool, arguments, f"{tool} needs the argument {argument.name}.")
        else:
            found[argument.name] = argument.default
    return found


def _refused(tool: str, arguments: Sequence[Argument], what: str) -> UsageError:
    names = ", ".join(
        argument.name if argument.default is REQUIRED else f"[{argument.name}]"
        for argument in arguments
    )
    return UsageError(what, f"Arguments of {tool}: {names}")


def skill(about: str = SKILL) -> Argument:
    """Take a skill, or a version of it."""
    schema = {"type": "string", "description": about}
    return Argument("skill", schema, lambda value: Reference.parse(_text(value)), REQUIRED)


def whole(
    name: str, least: int, most: int, about: str, default: Any = None, *, shown: bool = True
) -> Argument:
    """Take a whole number between two, both included.

    Args:
        name: of the argument.
        least: the smallest.
        most: the largest.
        about: what it is.
        default: where none is sent.
        shown: whether the schema says the default.
    """
    schema: JsonObject = {
        "type": "integer",
        "minimum": least,
        "maximum": most,
        "description": about,
    }
    if shown and isinstance(default, int):
        schema["default"] = default

    def check(value: Any) -> int:
        number = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            raise ValueError(f"{value!a:.50} is not a whole number from {least:,} to {most:,}")
        return number

    return Argument(name, schema, check, default)


def flag(name: str, about: str) -> Argument:
    """Take true or false."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{value!a:.50} is neither true nor false")
        return value

    schema = {"type": "boolean", "description": about, "default": False}
    return Argument(name, schema, check, default=False)


def prose(name: str, about: str, default: Any = None) -> Argument:
    """Take free text that every database can store."""

    def check(value: Any) -> str:
        text = _text(value)
        if len(text) > TEXT_MAX:
            raise ValueError(f"it has {len(text):,} characters; {TEXT_MAX:,} are allowed")
        return text

    schema = {"type": "string", "maxLength": TEXT_MAX, "description": about}
    return Argument(name, schema, check, default)


def external_id(about: str) -> Argument:
    """Take an id that the caller made."""

    def check(value: Any) -> str:
        text = _text(value)
        if not text.isprintable() or not 1 <= len(text) <= EXTERNAL_ID_MAX:
            raise ValueError(
                f"{text!a:.50} is not an id of 1 to {EXTERNAL_ID_MAX} printable characters"
            )
        return text

    schema = {"type": "string", "minLength": 1, "maxLength": EXTERNAL_ID_MAX, "description": about}
    return Argument("external_id", schema, check)


def slug(name: str, about: str) -> Argument:
    """Take a slug, a tag or a category: they share one rule."""
    return Argument(name, {"type": "string", "description": about}, _slug)


def slugs(name: str, about: str) -> Argument:
    """Take a list of slugs, in any order."""

    def check(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError(f"{value!a:.50} is not a list")
        found = sorted({_slug(each) for each in value})
        if len(found) > TAGS_MAX:
            raise ValueError(f"there are {len(found)}; {TAGS_MAX} are allowed")
        return tuple(found)

    schema = {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": TAGS_MAX,
        "description": about,
    }
    return Argument(name, schema, check, ())


def email(name: str, about: str) -> Argument:
    """Take somebody's address, as it is stored."""
    taken = prose(name, about)
    return replace(taken, read=lambda value: taken.read(value).strip().lower())


def stars(name: str, about: str) -> Argument:
    """Take an average of stars, and give it as it is stored: × 100."""

    def check(value: Any) -> int:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 1 <= value <= 5:
            raise ValueError(f"{value!a:.50} is not a number of stars from 1 to 5, such as 4.5")
        return hundredths(str(value))

    schema = {
        "type": "number",
        "minimum": 1,
        "maximum": 5,
        "description": f"{about} Two decimals at most.",
    }
    return Argument(name, schema, check)


def choice(name: str, words: Sequence[str], about: str) -> Argument:
    """Take one of some words; the first where none is sent."""

    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!a:.50} is not one of {', '.join(words)}")
        return str(value)

    schema = {"type": "string", "enum": list(words), "default": words[0], "description": about}
    return Argument(name, schema, check, words[0])


def place(name: str, about: str) -> Argument:
    """Take a path of this machine, which means the same wherever the server runs."""

    def check(value: Any) -> Path:
        path = Path(_text(value))
        if not path.is_absolute():
            raise ValueError(f"{str(path)!a:.200} is not an absolute path")
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ValueError(f"{str(path)!a:.200} does not exist") from error
        except OSError:  # reading it says better what is wrong
            pass
        return path

    return Argument(name, {"type": "string", "description": about}, check, REQUIRED)


def file_name(name: str, about: str) -> Argument:
    """Take the path of a file in a skill; a manifest knows which there are."""
    return Argument(name, {"type": "string", "description": about}, _text)


def _slug(value: Any) -> str:
    if not is_slug(text := _text(value)):
        raise ValueError(f"{text!a:.80} is not 1-64 of a-z and 0-9 in groups joined by one hyphen")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!a:.50} is not a text")
    if "\0" in value:
        raise ValueError("it holds a NUL, which no database can store")
    value.encode()  # half a character is a ValueError
    return value
