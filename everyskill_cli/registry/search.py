"""Find skills by words, best first, a page at a time."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from typing import Final

from everyskill_cli.database.queries import matching
from everyskill_cli.database.queries import search as queries
from everyskill_cli.database.queries.search import BOUNDS, Bounds, Found, Hit
from everyskill_cli.database.terms import Term, fold, grams, terms_of
from everyskill_cli.errors import Forbidden, NotReady, Unavailable, UsageError
from everyskill_cli.model import (
    SLUG_MAX,
    Filters,
    Finding,
    SearchHit,
    SearchPage,
    SkillSummary,
    is_slug,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.snippets import snippet

EVERYTHING: Final = Filters()
TERMS_MAX: Final = 50  # of one question; scripts without spaces have one for every two characters
SUGGESTED: Final = 3
PATIENCE: Final = 0.5  # seconds that another writer is waited for, by somebody who only reads
ALIKE: Final = 0.5  # of the groups of characters that two slugs have, how many both have
_TOKEN: Final = re.compile(r"([12])/([0-9]{1,6})/(.+)")


def search(
    registry: Registry,
    words: str,
    wanted: Filters,
    limit: int,
    after: str | None,
    bounds: Bounds = BOUNDS,
) -> SearchPage:
    """Find skills that have every word, in their names first, and then by score.

    Args:
        registry: an opened one.
        words: as somebody typed them; signs between them mean nothing.
        wanted: what else the skills must have.
        limit: skills at most.
        after: ``next`` of the page before.
        bounds: how much is looked at.

    Raises:
        UsageError: there is no word to search for, or too many; or ``after`` is no ``next``.
        NotReady: the registry's file is of a release that had no search.
    """
    terms = _terms(words)
    place = None if after is None else _place(after)
    if not registry.database.exists:
        return SearchPage(items=(), next=None)
    _catch_up(registry)
    with registry.database.reading() as tx:
        warnings = [_STALE] if matching.is_stale(tx) else []
        hits = queries.find(tx, terms, wanted, limit + 1, place, bounds)
        found = queries.read(tx, hits[:limit])
        is_mistyped = not hits and place is None
        if is_mistyped and wanted != EVERYTHING:
            is_mistyped = not queries.find(tx, terms, EVERYTHING, 1, None)
        near = queries.near(tx, _as_slug(words)) if is_mistyped else []
    shown = [(hit, found[hit.id]) for hit in hits[:limit] if hit.id in found]
    warnings += [_spoilt(hit.slug) for hit, said in shown if said is None]
    return SearchPage(
        items=tuple(_hit(hit, said, terms) for hit, said in shown if said is not None),
        next=_token(hits[limit - 1]) if len(hits) > limit else None,
        suggestions=tuple(_alike(_as_slug(words), near)),
        warnings=tuple(warnings),
    )


def _catch_up(registry: Registry) -> None:
    """See to it that the words are those of the rows, where somebody else changed some by hand.

    It is only tried: a file that may not be written, or that somebody else writes just now, is
    searched by the words that it has.
    """
    database = registry.database
    if database.dialect == "postgresql":
        return
    with database.reading() as tx:
        if not matching.is_indexed(tx):
            raise NotReady(
                f"The registry {database.where} was made before there was a search.",
                "Run: everyskill upgrade",
            )
        waits = matching.is_stale(tx) and not database.is_read_only
    if waits:
        with suppress(Unavailable, Forbidden), database.writing(patience=PATIENCE):
            pass  # whoever writes catches up


_STALE: Final = Finding(
    "stale-words",
    "Another program changed skills of this registry, and what it changed is not searched yet;"
    " it is from the next command on that writes here.",
)


def _spoilt(slug: str) -> Finding:
    message = f"{slug} is found and not shown, because its row holds what everyskill never wrote."
    return Finding("unreadable", message)


def _terms(words: str) -> list[Term]:
    terms = terms_of(words)
    if not terms:
        raise UsageError(
            f"There is no word in {words!a:.60} to search for.",
            "Type letters or digits, such as: everyskill search code review",
        )
    if len(terms) > TERMS_MAX:
        raise UsageError(
            f"{len(terms)} words are too many to search for; {TERMS_MAX} are allowed.",
            "Leave out those that say least.",
        )
    return terms


def _hit(hit: Hit, found: Found, terms: list[Term]) -> SearchHit:
    text, marks = snippet(terms, found.summary.description, found.content)
    summary = {each.name: getattr(found.summary, each.name) for each in fields(SkillSummary)}
    return SearchHit(
        **summary,
        matched="name" if hit.tier == 1 else "text",
        score=-hit.place,
        snippet=text,
        marks=marks,
    )


def _token(hit: Hit) -> str:
    """Write the place of a hit, as pages of a list write theirs."""
    return f"{hit.tier}/{-hit.place}/{hit.slug}"


def _place(token: str) -> Hit:
    match = _TOKEN.fullmatch(token)
    if match is None or not is_slug(match[3]):
        raise UsageError(
            f"{token!a:.200} is not the place of a page of a search.",
            "Take it from the 'next' of the page before, with the same words.",
        )
    return Hit(int(match[1]), -int(match[2]), match[3])


def _as_slug(words: str) -> str:
    """Write words as a slug would be, as far as it can be."""
    return "-".join(re.findall("[a-z0-9]+", fold(words)))[:SLUG_MAX]


def _alike(typed: str, slugs: list[str]) -> list[str]:
    """Choose slugs that are, or one part of which is, written nearly so: the nearest first."""
    groups, is_word = grams(typed), "-" not in typed
    ranked = sorted((-_likeness(groups, slug, is_word=is_word), slug) for slug in slugs)
    return [slug for likeness, slug in ranked[:SUGGESTED] if -likeness >= ALIKE]


def _likeness(typed: set[str], slug: str, *, is_word: bool) -> float:
    """Compare groups of characters; a single word with the parts of a slug as well."""
    wholes = (slug, *slug.split("-")) if is_word else (slug,)
    return max(2 * len(typed & own) / (len(typed) + len(own)) for own in map(grams, wholes))
