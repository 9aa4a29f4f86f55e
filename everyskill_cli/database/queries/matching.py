"""Questions to the words that search has, in each database's language, and how much they find.

What people type becomes tokens (``terms``) before it comes here: none holds a quote or any other
sign of either language, and each stands in quotes. So no text is taken for a part of a question.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Text,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)

from everyskill_cli.database import indexing
from everyskill_cli.database.queries import records
from everyskill_cli.database.terms import Term

if TYPE_CHECKING:
    from sqlalchemy import CTE, Select, Subquery
    from sqlalchemy.sql import ColumnElement

skill_search: Final = table(
    "skill_search",
    column("skill_id", Text),
    column("number"),  # on SQLite, as the next
    column("is_stale"),
    column("words"),  # on PostgreSQL
)
skill_words: Final = table("skill_words", column("rowid"), column("words"))
_ESTIMATE: Final = (
    "EXPLAIN (FORMAT JSON) SELECT FROM skill_search WHERE words @@ CAST(:q AS tsquery)"
)


class Question(NamedTuple):
    """Tokens that must all be there, and some of which one must be missing, if there are any."""

    terms: Sequence[Term]
    unless: Sequence[Term] = ()


def is_indexed(connection: Connection) -> bool:
    """Tell whether the schema has the words; an older SQLite file is read without them."""
    return connection.dialect.name == "postgresql" or indexing.is_indexed(connection)


def is_stale(connection: Connection) -> bool:
    """Tell whether words wait for the next writer: on SQLite, after somebody wrote by hand."""
    if connection.dialect.name == "postgresql":
        return False
    found = "SELECT 1 FROM skill_search WHERE is_stale = 1 LIMIT 1"
    return connection.scalar(text(found)) is not None


def with_words(connection: Connection, skill_ids: Collection[str]) -> set[str]:
    """Find which of some skills have words, or will have them with the next thing written."""
    if not is_indexed(connection):
        return set(skill_ids)
    own = skill_search.c
    statement = select(own.skill_id).where(records.among(connection, own.skill_id, skill_ids))
    if connection.dialect.name == "sqlite":
        is_there = exists().where(skill_words.c.rowid == own.number)
        statement = statement.where((own.is_stale == 1) | is_there)
    return set(connection.scalars(statement))


def hits(connection: Connection, question: Question) -> CTE:
    """Select the ids of all skills that meet a question, at once and before anything else."""
    return _ids(connection, question).cte("hits").prefix_with("MATERIALIZED")


def some(connection: Connection, question: Question, most: int) -> Subquery:
    """Select the ids of up to ``most`` skills that meet a question, whichever are found first."""
    return _ids(connection, question).limit(most).subquery("some")


def _ids(connection: Connection, question: Question) -> Select[Any]:
    statement = select(skill_search.c.skill_id).where(meets(connection, question))
    if connection.dialect.name == "postgresql":
        return statement
    return statement.join_from(
        skill_words, skill_search, skill_search.c.number == skill_words.c.rowid
    )


def amount(connection: Connection, question: Question, few: int) -> int:
    """Find out in little time how many skills a question finds.

    PostgreSQL estimates it, because its index of words knows no part of an answer; SQLite counts up
    to ``few``. Whole words come first there, because words with a beginning are gathered whole.
    """
    if connection.dialect.name == "postgresql":
        plan = connection.scalar(text(_ESTIMATE), {"q": written(connection, question)})
        plans = json.loads(plan) if isinstance(plan, str) else plan
        return int(plans[0]["Plan"]["Plan Rows"])
    whole = Question([Term(term.token) for term in question.terms], question.unless)
    found = _counted(connection, whole, few)
    return found if found >= few else _counted(connection, question, few)


def _counted(connection: Connection, question: Question, few: int) -> int:
    rows = select(skill_words.c.rowid).where(meets(connection, question)).limit(few).subquery()
    return connection.scalar(select(func.count()).select_from(rows)) or 0


def meets(connection: Connection, question: Question) -> ColumnElement[bool]:
    """Say that the words of a skill meet a question."""
    asked = literal(written(connection, question))
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import TSQUERY

        return skill_search.c.words.bool_op("@@")(cast(asked, TSQUERY))
    return literal_column("skill_words").bool_op("MATCH")(asked)


def written(connection: Connection, question: Question) -> str:
    """Write a question in the database's language."""
    write, both, but = (
        (_to_tsquery, " & ", " & !") if connection.dialect.name == "postgresql" else _FTS5
    )
    asked = f"({both.join(write(term) for term in question.terms)})"
    if question.unless:
        asked += f"{but}({both.join(write(term) for term in question.unless)})"
    return asked


def _to_tsquery(term: Term) -> str:
    return f"'{term.token}'{':*' if term.is_prefix else ''}"


def _to_fts5(term: Term) -> str:
    return f'"{term.token}"{"*" if term.is_prefix else ""}'


_FTS5: Final = (_to_fts5, " AND ", " NOT ")


def is_met(words: str, question: Question) -> bool:
    """Tell whether the words of one skill, as SQLite stores them, meet a question."""
    spaced = f" {words} "
    if not all(_is_in(spaced, term) for term in question.terms):
        return False
    return not question.unless or not all(_is_in(spaced, term) for term in question.unless)


def _is_in(spaced: str, term: Term) -> bool:
    return f" {term.token}{'' if term.is_prefix else ' '}" in spaced
