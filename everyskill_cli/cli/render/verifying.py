"""What ``verify`` says: whether all is well, what is not, and how much was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Block, Column, Field, Fields, Headline, Table
from everyskill_cli.cli.render.words import (
    Words,
    number,
    only_piped,
    only_shown,
    say,
    size,
    status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import Damage, VerifyAnswer

WHERE_MAX: Final = 48  # characters; table and column are less, a key is more
DAMAGE_COLUMNS: Final = (
    Column("kind", "damage"),
    Column("slug", place="pipe"),
    Column("version", place="pipe"),
    Column("where", "where", fit="folded", from_width=100),
    Column("message", "what", fit="folded"),
)


def verified(value: VerifyAnswer, _now: datetime) -> list[Block]:
    """Say whether all is well, then each damage, then what was looked at."""
    rows = tuple(_row(damage) for damage in value.results)
    return [
        Headline(status(value.status) + only_shown(f"  {_remark(value)}", "muted")),
        Table(DAMAGE_COLUMNS, rows, key="damage"),
        Fields(_fields(value)),
    ]


def _remark(value: VerifyAnswer) -> str:
    count = len(value.results) + value.unnamed
    found = f"{count:,} damage{'' if count == 1 else 's'}"
    if value.status == "interrupted":
        return f"{found} by now"
    if count:
        return f"{found}: trust none of it, and find out who or what did it"
    return "everything that was looked at is what was published and recorded"


def _row(damage: Damage) -> tuple[Words, ...]:
    return (
        say(damage.kind, "bad"),
        only_piped(damage.slug),
        only_piped(damage.version),
        say(_short(damage.where), "muted", plain=damage.where),
        say(damage.message),
    )


def _short(where: str) -> str:
    """Shorten an object's key for people, as digests are; whole it stands in a pipe."""
    return where if len(where) <= WHERE_MAX else f"{where[:22]}…"


def _fields(value: VerifyAnswer) -> tuple[Field, ...]:
    looked = value.looked
    read = number(looked.read) + only_shown(f" of {looked.objects:,}")
    return (
        Field("unnamed", number(value.unnamed) if value.unnamed else None, "not named"),
        Field("skills", number(looked.skills)),
        Field("versions", number(looked.versions)),
        Field("events", number(looked.events)),
        Field("ratings", number(looked.ratings)),
        Field("uses", number(looked.uses)),
        Field("objects", only_piped(looked.objects)),
        Field("read", read + only_shown(f", {size(looked.bytes).shown}"), "objects read"),
        Field("bytes", only_piped(looked.bytes)),
        Field("purged", number(looked.purged) if looked.purged else None, "purged versions"),
        Field("compared", number(looked.compared), "remembered"),
        Field("checkpoint", say(value.checkpoint) if value.checkpoint else None),
    )
