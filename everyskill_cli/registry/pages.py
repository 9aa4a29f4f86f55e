"""Lists that page by key: skills, the versions of a skill, the ratings of a skill."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.database.queries import history, ratings, skills, versions
from everyskill_cli.database.queries.filters import FEW, narrowed
from everyskill_cli.errors import UsageError
from everyskill_cli.model import (
    Filters,
    RatingPage,
    Reference,
    SkillPage,
    Sort,
    VersionPage,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.lookup import find_skill, find_version, number_to_use
from everyskill_cli.registry.memory import meet

EVERYTHING: Final = Filters()
EVENTS_MAX: Final = 1_000  # of a page of versions, the newest


def list_skills(
    registry: Registry,
    sort: Sort,
    limit: int,
    after: str | None,
    wanted: Filters = EVERYTHING,
    few: int = FEW,
) -> SkillPage:
    """Read a page of skills, best, newest or first in the alphabet first.

    Args:
        registry: an opened one.
        sort: what to order by.
        limit: skills at most.
        after: ``next`` of the page before.
        wanted: what the skills must have.
        few: of as many that are filed so, or more, the order is followed.

    Raises:
        UsageError: ``after`` is not the ``next`` of a page in this order.
    """
    place = None if after is None else _place(after, KEYS[sort])
    with registry.database.reading() as tx:
        conditions = narrowed(tx, wanted, few) if wanted != EVERYTHING else []
        items, keys = skills.page(tx, sort, limit + 1, place, conditions)
    more = len(items) > limit
    last = items[limit - 1].slug if more else ""
    return SkillPage(
        items=tuple(items[:limit]),
        next=_token(keys[limit - 1], last) if more else None,
    )


def list_versions(
    registry: Registry, reference: Reference, limit: int, after: str | None
) -> VersionPage:
    """Read a page of a skill's versions, newest first, each with what happened to it.

    Raises:
        NotFound: no such skill.
        UsageError: ``after`` is not a version's number.
    """
    if reference.version is not None:
        raise UsageError(
            f"versions lists all versions of {reference.slug}; it takes no @{reference.version}.",
            f"See that one: everyskill show {reference}",
        )
    below = None if after is None else _read(after, _version_number, after)
    with registry.database.reading() as tx:
        found = find_skill(tx, reference.slug)
        meet(registry, tx, found)
        items = versions.summaries(tx, found.skill.id, found.pointers, limit=limit + 1, below=below)
        more, items = len(items) > limit, items[:limit]
        numbers = [item.version for item in items]
        stories = history.stories(tx, found.skill.id, numbers, EVENTS_MAX)
    return VersionPage(
        items=tuple(replace(item, events=stories.get(item.version, ())) for item in items),
        next=str(numbers[-1]) if more else None,
        warnings=tuple(registry.notices),
    )


def list_ratings(
    registry: Registry, reference: Reference, limit: int, after: str | None
) -> RatingPage:
    """Read a page of a skill's ratings, or of one version's, newest first.

    Raises:
        NotFound: no such skill or version.
        UsageError: ``after`` is not the ``next`` of such a page.
    """
    place = None if after is None else _place(after, _moment)
    with registry.database.reading() as tx:
        found = find_skill(tx, reference.slug)
        version_id = None
        if reference.version is not None:
            version_id = find_version(
                tx, found, number_to_use(tx, found, reference), whole=False
            ).id
        items = ratings.page(
            tx, found.skill.id, limit=limit + 1, version_id=version_id, after=place
        )
    more = len(items) > limit
    last = items[limit - 1] if more else None
    return RatingPage(
        items=tuple(items[:limit]), next=_token(last.updated_at, last.id) if last else None
    )


def slugs_from(registry: Registry, beginning: str, limit: int = 50) -> list[str]:
    """List slugs that begin so, for the shell."""
    with registry.database.reading() as tx:
        return skills.slugs_from(tx, beginning, limit)


def _token(key: Any, name: str) -> str:
    """Write the place of a row as ``KEY/NAME``: readable, and stable across versions."""
    return f"{timestamp(key) if isinstance(key, datetime) else key}/{name}"


def _place(token: str, read_key: Callable[[str], Any]) -> tuple[Any, str]:
    key, slash, name = token.partition("/")
    is_place = slash and "\0" not in name  # which a request can hold, and no database
    return _read(key if is_place else "", read_key, token), name


def _read(key: str, read_key: Callable[[str], Any], token: str) -> Any:
    try:
        return read_key(key)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{token!a:.200} is not the place of a page in this order.",
            "Give what the page before said as its 'next', in the same order.",
        ) from error


def _moment(key: str) -> datetime:
    moment = datetime.fromisoformat(key)
    if moment.tzinfo is None:
        raise ValueError(key)
    return moment.astimezone(UTC)


def _whole_number(key: str, digits: int = 18) -> int:
    if not re.fullmatch(f"[0-9]{{1,{digits}}}", key):
        raise ValueError(key)
    return int(key)


def _version_number(key: str) -> int:
    return _whole_number(key, 9)  # what the column takes on every database


def _text(key: str) -> str:
    if not key or "\0" in key:
        raise ValueError(key)
    return key


KEYS: Final[dict[Sort, Callable[[str], Any]]] = {
    "updated": _moment,
    "created": _moment,
    "name": _text,
    "rating": _whole_number,
    "uses": _whole_number,
}
