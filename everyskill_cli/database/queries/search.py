"""What search finds, best first: docs/search.md says in which order, and what it costs.

Skills whose slug and name hold every word come first, then all others that do; of each the one
that stands higher in an index of ``skills``. Of a question that finds few skills, all are looked up
and sorted. Of one that finds many, that index is read from the top until a page is full; where the
words are rarer there than overall, that is given up, and all are sorted after all.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    LargeBinary,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from everyskill_cli.database.faults import UnreadableValue
from everyskill_cli.database.queries import filters, matching
from everyskill_cli.database.queries.matching import Question, skill_search, skill_words
from everyskill_cli.database.queries.records import record
from everyskill_cli.database.queries.skills import summaries
from everyskill_cli.database.tables import PLACE, skills
from everyskill_cli.database.terms import NAME, NEAR, Term, grams
from everyskill_cli.model import Filters, SkillSummary

if TYPE_CHECKING:
    from sqlalchemy import Select

WALKED: Final = 20_000  # skills that are looked at along the index
NEAR_MAX: Final = 2_000  # slugs that are compared with a mistyped one
CONTENT: Final = 32_768  # characters of a text in which a snippet is looked for
_PLACE: Final[ColumnElement[int]] = literal_column(PLACE, Integer)


class Bounds(NamedTuple):
    """How much work is done at most; tests lower it."""

    few: int = filters.FEW
    walked: int = WALKED


BOUNDS: Final = Bounds()


class Hit(NamedTuple):
    """One skill that was found, and its place: the lower, the better.

    Attributes:
        tier: 1 where slug and name hold every word, else 2.
        place: the negative of its score.
    """

    tier: int
    place: int
    slug: str
    id: str = ""


class Found(NamedTuple):
    """What is said of a hit, and the beginning of the text that was published."""

    summary: SkillSummary
    content: str


def find(
    connection: Connection,
    words: Sequence[Term],
    wanted: Filters,
    limit: int,
    after: Hit | None,
    bounds: Bounds = BOUNDS,
) -> list[Hit]:
    """Find up to ``limit`` skills that have every word, behind a place.

    Args:
        connection: a reading one.
        words: at least one.
        wanted: what else they must have.
        limit: hits at most.
        after: the last hit of the page before.
        bounds: how much is looked at.
    """
    filed = filters.terms(connection, wanted)
    named = [Term(NAME + word.token, word.is_prefix) for word in words]
    questions = (Question([*named, *filed]), Question([*words, *filed], unless=named))
    found: list[Hit] = []
    for tier, question in enumerate(questions, 1):
        if after is None or after.tier <= tier:
            begin = after if after is not None and after.tier == tier else None
            search = _Search(connection, question, wanted, tier, begin)
            found += search.page(limit - len(found), bounds)
        if len(found) >= limit:
            break
    return found


class _Search(NamedTuple):
    """One question, from one place on."""

    connection: Connection
    question: Question
    wanted: Filters
    tier: int
    begin: Hit | None

    def page(self, limit: int, bounds: Bounds) -> list[Hit]:
        """Find the next hits, the one way or the other."""
        if matching.amount(self.connection, self.question, bounds.few) >= bounds.few:
            is_sqlite = self.connection.dialect.name == "sqlite"
            walk = self._walk_sqlite if is_sqlite else self._walk_postgresql
            rows = walk(limit, bounds.walked)
            if rows is not None:
                return rows
        return self._sorted(limit)

    def _sorted(self, limit: int) -> list[Hit]:
        """Look all hits up, and sort them."""
        hits = matching.hits(self.connection, self.question)
        statement = (
            select(_PLACE, skills.c.slug, skills.c.id)
            .select_from(hits.join(skills, skills.c.id == hits.c.skill_id))
            .where(*self._behind(), self._is_rated())
            .order_by(_PLACE, skills.c.slug)
        )
        return [Hit(self.tier, *row) for row in self.connection.execute(statement.limit(limit))]

    def _walk_postgresql(self, limit: int, walked: int) -> list[Hit] | None:
        """Let PostgreSQL look at the best skills, one after the other; None gives up."""
        best = (
            select(_PLACE.label("place"), skills.c.slug, skills.c.id, self._is_rated().label("is"))
            .where(*self._behind())
            .order_by(_PLACE, skills.c.slug)
        )
        top = best.limit(walked).subquery("top")
        statement = (
            select(top.c.place, top.c.slug, top.c.id)
            .join(skill_search, skill_search.c.skill_id == top.c.id)
            .where(top.c["is"], matching.meets(self.connection, self.question))
            .order_by(top.c.place, top.c.slug)
        )
        rows = self.connection.execute(statement.limit(limit)).all()
        if len(rows) < limit and self.connection.execute(best.offset(walked).limit(1)).first():
            return None
        return [Hit(self.tier, *row) for row in rows]

    def _walk_sqlite(self, limit: int, walked: int) -> list[Hit] | None:
        """Read the best skills with their words from SQLite, until there are enough.

        To its full-text table every question is a new one: asking it about one skill after the
        other gathers all that begin with a word each time.
        """
        own = skill_search.c.skill_id == skills.c.id
        number = select(skill_search.c.number).where(own).correlate(skills).scalar_subquery()
        words = select(skill_words.c.words).where(skill_words.c.rowid == number).correlate(skills)
        statement = (
            select(_PLACE, skills.c.slug, skills.c.id, self._is_rated(), words.scalar_subquery())
        ).execution_options(yield_per=100)
        found: list[Hit] = []
        with closing(self._best_first(statement)) as rows:
            for count, (place, slug, skill_id, is_rated, stored) in enumerate(rows, 1):
                if is_rated and matching.is_met(stored or "", self.question):
                    found.append(Hit(self.tier, place, slug, skill_id))
                if len(found) == limit:
                    return found
                if count == walked:
                    return None
        return found

    def _best_first(self, statement: Select[Any]) -> Generator[Any, None, None]:
        """Read what is behind the place: those that share it first (see ``skills.page``)."""
        parts: list[tuple[ColumnElement[bool], list[ColumnElement[Any]]]]
        slug = skills.c.slug
        parts = [(true(), [_PLACE, slug])]
        if self.begin is not None:
            last = literal(self.begin.place, Integer)
            parts = [
                ((last == _PLACE) & (slug > self.begin.slug), [slug]),
                (last < _PLACE, [_PLACE, slug]),
            ]
        for behind, order in parts:
            with self.connection.execute(statement.where(behind).order_by(*order)) as rows:
                yield from rows

    def _behind(self) -> list[ColumnElement[bool]]:
        if self.begin is None:
            return []
        last = literal(self.begin.place, Integer)
        return [tuple_(_PLACE, skills.c.slug) > tuple_(last, self.begin.slug)]

    def _is_rated(self) -> ColumnElement[bool]:
        least = self.wanted.min_rating
        return true() if least is None else least <= filters.RATING


def read(connection: Connection, hits: Sequence[Hit]) -> dict[str, Found | None]:
    """Read what is said of hits, by id; one that was deleted meanwhile is absent.

    None stands for a row that somebody spoilt: it is no reason to say nothing of all others.
    """
    found: dict[str, Found | None] = {}
    try:
        found.update(_read(connection, hits))
    except UnreadableValue:
        for hit in hits:
            try:
                found.update(_read(connection, [hit]))
            except UnreadableValue:
                found[hit.id] = None
    return found


def _read(connection: Connection, hits: Sequence[Hit]) -> dict[str, Found]:
    content: ColumnElement[Any] = func.substr(skills.c.content, 1, CONTENT)
    if connection.dialect.name == "sqlite":  # as bytes: somebody may have spoilt it
        content = cast(content, LargeBinary)
    statement = summaries().add_columns(skills.c.id, content.label("begins"))
    rows = connection.execute(statement.where(skills.c.id.in_([hit.id for hit in hits])))
    return {row.id: Found(record(SkillSummary, row), _text(row.begins)) for row in rows}


def _text(stored: str | bytes | None) -> str:
    return stored.decode(errors="replace") if isinstance(stored, bytes) else stored or ""


def near(connection: Connection, slug: str, most: int = NEAR_MAX) -> list[str]:
    """Find slugs that share characters with a mistyped one, and more than most others do.

    Of its groups of three characters the rarest are looked up, as many as find ``most`` slugs;
    where each of them finds more, two of them together.
    """
    counts = []
    for gram in sorted(grams(slug)):
        question = Question([Term(NEAR + gram)])
        counts.append((_at_most(connection, question, most + 1), question))
    counts = sorted((count, question) for count, question in counts if count)
    rare: list[Question] = []
    for count, question in counts:
        if count > most:
            break
        rare.append(question)
        most -= count
    if not rare:
        pairs = combinations([question.terms[0] for _, question in counts[:4]], 2)
        rare = [Question(pair) for pair in pairs]
    found: dict[str, None] = {}
    for question in rare:
        some = matching.some(connection, question, NEAR_MAX)
        statement = select(skills.c.slug).join(some, some.c.skill_id == skills.c.id)
        found |= dict.fromkeys(connection.scalars(statement))
    return list(found)


def _at_most(connection: Connection, question: Question, most: int) -> int:
    some = matching.some(connection, question, most)
    return connection.scalar(select(func.count()).select_from(some)) or 0
