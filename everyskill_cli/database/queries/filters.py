"""What skills of a list or a search must have: by their rows, and by the tokens that search has."""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy import Connection, Text, func, literal, literal_column, select, type_coerce
from sqlalchemy.sql import ColumnElement

from everyskill_cli.database.queries import matching
from everyskill_cli.database.tables import Json, skills, users
from everyskill_cli.database.terms import Term, labels
from everyskill_cli.model import Filters

FEW: Final = 20_000  # skills that are all looked up and sorted
RATING: Final = func.coalesce(skills.c.average_rating, literal_column("0"))
_NOBODY: Final = "-"  # the id of no user


def by_rows(connection: Connection, filters: Filters) -> list[ColumnElement[bool]]:
    """Say what the columns of a skill must hold."""
    found = [_has_tag(connection, tag) for tag in filters.tags]
    if filters.category is not None:
        found.append(skills.c.category == filters.category)
    if filters.author is not None:
        found.append(skills.c.author_id == _author_id(connection, filters.author))
    if filters.min_rating is not None:
        found.append(filters.min_rating <= RATING)
    return found


def narrowed(connection: Connection, filters: Filters, few: int) -> list[ColumnElement[bool]]:
    """Say the same for a list in any order; where few skills are filed so, no other is read.

    Args:
        connection: a reading one.
        filters: what the skills must have.
        few: of as many or more, reading along the order finds a page sooner.
    """
    found = by_rows(connection, filters)
    question = matching.Question(terms(connection, filters))
    if question.terms and _finds_few(connection, question, few):
        hits = matching.hits(connection, question)
        return [*found, skills.c.id.in_(select(hits.c.skill_id))]
    if filters.min_rating is not None:
        rated = select(skills.c.id).where(filters.min_rating <= RATING).limit(few)
        counted = select(func.count()).select_from(rated.subquery())
        if (connection.scalar(counted) or 0) < few:
            best = rated.cte("best").prefix_with("MATERIALIZED")
            return [*found, skills.c.id.in_(select(best.c.id))]
    return found


def _finds_few(connection: Connection, question: matching.Question, few: int) -> bool:
    """Tell whether words find few skills, and no words wait for somebody who writes them anew."""
    if not matching.is_indexed(connection) or matching.is_stale(connection):
        return False
    return matching.amount(connection, question, few) < few


def terms(connection: Connection, filters: Filters) -> list[Term]:
    """Give the tokens that a skill must have; no token says how it is rated."""
    author = None if filters.author is None else _author_id(connection, filters.author)
    return [Term(token) for token in labels(filters.tags, filters.category, author)]


def _author_id(connection: Connection, email: str) -> str:
    return connection.scalar(select(users.c.id).where(users.c.email == email)) or _NOBODY


def _has_tag(connection: Connection, tag: str) -> ColumnElement[bool]:
    """Tags are slugs, which JSON writes as they are, between quotes."""
    if connection.dialect.name == "postgresql":
        return skills.c.tags.bool_op("@>")(literal([tag], Json))
    return func.instr(type_coerce(skills.c.tags, Text), json.dumps(tag)) > 0
