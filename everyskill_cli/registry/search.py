"""Find skills by words, best first, a page at a time."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Final

from everyskill_cli.database.queries import matching
from everyskill_cli.database.queries import search as queries
from everyskill_cli.database.queries.search import BOUNDS, Bounds, Found, Hit
from everyskill_cli.database.terms import Term, fold, grams, terms_of
from everyskill_cli.errors import NotReady, UsageError
from everyskill_cli.model import SLUG_MAX, Filters, SearchHit, SearchPage, SkillSummary, is_slug
from everyskill_cli.registry import Registry
from everyskill_cli.registry.snippets import snippet

EVERYTHING: Final = Filters()
TERMS_MAX: Final = 50  # of one question; scripts without spaces have one for every two characters
SUGGESTED: Final = 3
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
        hits = queries.find(tx, terms, wanted, limit + 1, place, bounds)
        found = queries.read(tx, hits[:limit])
        is_mistyped = not hits and place is None
        if is_mistyped and wanted != EVERYTHING:
            is_mistyped = not queries.find(tx, terms, EVERYTHING, 1, None)
        near = queries.near(tx, _as_slug(words)) if is_mistyped else []
    return SearchPage(
        items=tuple(_hit(hit, found[hit.id], terms) for hit in hits[:limit] if hit.id in found),
        next=_token(hits[limit - 1]) if len(hits) > limit else None,
        suggestions=tuple(_alike(_as_slug(words), near)),
    )


def _catch_up(registry: Registry) -> None:
    """See to it that the words are those of the rows, where somebody else changed some by hand."""
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
        with database.writing():
            pass  # whoever writes catches up


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
