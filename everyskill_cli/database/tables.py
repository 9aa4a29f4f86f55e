"""The schema on one page: what the records of ``model.py`` are stored as.

The migrations hold the SQL that is run, with the triggers; a test compares both on SQLite and
PostgreSQL, constraint by constraint. Counters, pointers and ``version_state`` are derived by
triggers and never written by clients. Why each rule stands: docs/format.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    TEXT,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Connection,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.types import TypeEngine

from everyskill_cli.chain import timestamp
from everyskill_cli.database.faults import UnreadableValue


class Moment(TypeDecorator[datetime]):
    """A UTC time with milliseconds: ``timestamptz(3)``, or sortable ISO text on SQLite.

    Naive times are refused. Milliseconds are cut off, not rounded, before they are bound:
    PostgreSQL would round .999999 into the next second.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the stored type; the PostgreSQL dialect is imported only where it is used."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import TIMESTAMP

            return TIMESTAMP(timezone=True, precision=3)
        return Text()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Cut to milliseconds; text on SQLite."""
        if value is None:
            return None
        stamp = timestamp(value)
        return datetime.fromisoformat(stamp) if dialect.name == "postgresql" else stamp

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the library's signature
        """Give an aware time in UTC back."""
        if value is None:
            return None
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone(UTC)
        except (ValueError, TypeError, OverflowError) as error:
            raise UnreadableValue(f"{str(value)[:40]!r} is no time") from error


class Json(TypeDecorator[Any]):
    """JSON text on SQLite, JSONB on PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the stored type; the PostgreSQL dialect is imported only where it is used."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB

            return JSONB()
        return JSON()


class Bytewise(TypeDecorator[str]):
    """Text that sorts by its bytes on every server, so that pages by key agree everywhere."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite compares bytes anyway; PostgreSQL is told to."""
        if dialect.name == "postgresql":
            return TEXT(collation="C")
        return Text()


SLUG_CHECK = {
    "postgresql": "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 64",
    "sqlite": "slug NOT GLOB '*[^a-z0-9-]*' AND slug NOT GLOB '-*' AND slug NOT GLOB '*-'"
    " AND slug NOT GLOB '*--*' AND length(slug) BETWEEN 1 AND 64",
}
UUID_CHECK = {
    "postgresql": "id ~ '^[0-9a-f-]{36}$'",
    "sqlite": "length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'",
}
HASH_CHECK = {
    "postgresql": "{0} ~ '^[0-9a-f]{{64}}$'",
    "sqlite": "length({0}) = 64 AND {0} NOT GLOB '*[^0-9a-f]*'",
}
JSON_CHECK = {  # with trusted_schema off, SQLite refuses its JSON functions in a CHECK
    "postgresql": "jsonb_typeof({0}) = '{1}'",
}

# Where a skill stands among those that a search finds alike: docs/search.md says how it is scored.
# It is a whole number of a few digits whatever the counters are: into a file anybody writes any.
_COUNTS: Final = " AND ".join(f"stars_{n} BETWEEN 0 AND 1000000000000000" for n in range(1, 6))
_RATED: Final = (
    f"CASE WHEN {_COUNTS}"
    " THEN CAST(100 * (15 + stars_1 + 2 * stars_2 + 3 * stars_3 + 4 * stars_4 + 5 * stars_5)"
    " / (5 + stars_1 + stars_2 + stars_3 + stars_4 + stars_5) AS BIGINT) ELSE 300 END"
)
SCORE: Final = (
    f"{_RATED} + 20 * CASE WHEN total_uses BETWEEN 1 AND 9223372036854775807"
    " THEN length(CAST(total_uses AS TEXT)) ELSE 0 END"
)
PLACE: Final = f"(0 - ({SCORE}))"  # the best first, as the slugs are

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _check(name: str, by_dialect: dict[str, str], *values: str) -> tuple[CheckConstraint, ...]:
    """One rule in both dialects' words."""
    return tuple(
        CheckConstraint(rule.format(*values) if values else rule, name=name).ddl_if(dialect=dialect)
        for dialect, rule in by_dialect.items()
    )


def _stars() -> tuple[Column[Any], ...]:
    """The histogram, the hours and the average × 100 (half up) that is generated from it."""
    total = " + ".join(f"{n} * stars_{n}" for n in range(1, 6))
    count = " + ".join(f"stars_{n}" for n in range(1, 6))
    average = f"(200 * ({total}) + ({count})) / nullif(2 * ({count}), 0)"
    return (
        *(
            Column(f"stars_{n}", BigInteger, nullable=False, server_default=text("0"))
            for n in range(1, 6)
        ),
        Column("hours_saved", BigInteger, nullable=False, server_default=text("0")),
        Column("average_rating", BigInteger, Computed(average, persisted=True)),
    )


def _of_skill(*columns: str, key: str = "version") -> ForeignKeyConstraint:
    """A composite key: a version of the same skill, and gone with it."""
    return ForeignKeyConstraint(
        ["skill_id", *columns],
        ["skill_versions.skill_id", f"skill_versions.{key}"],
        ondelete="CASCADE",
    )


def _skill_id() -> Column[str]:
    return Column("skill_id", Text, ForeignKey("skills.id", ondelete="CASCADE"), nullable=False)


registry = Table(
    "registry",
    metadata,
    Column("id", Text, primary_key=True),
    Column("format_version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    *_check("id", UUID_CHECK),
    Index("ix_registry_one_row", text("(id IS NOT NULL)"), unique=True),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("db_login", Text, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("email = lower(email)", name="email"),
    *_check("id", UUID_CHECK),
)

skills = Table(
    "skills",
    metadata,
    Column("id", Text, primary_key=True),
    Column("slug", Bytewise, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("category", Text),
    Column("tags", Json, nullable=False),
    Column("author_id", Text, ForeignKey("users.id"), nullable=False),
    Column("latest_version", Integer, nullable=False, server_default=text("0")),
    Column("head_version", Integer, Computed("nullif(latest_version, 0)", persisted=True)),
    Column("published_version_id", Text),
    Column("draft_version_id", Text),
    Column("total_uses", BigInteger, nullable=False, server_default=text("0")),
    *_stars(),
    Column("content", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["id", "published_version_id"],
        ["skill_versions.skill_id", "skill_versions.id"],
        use_alter=True,
    ),
    ForeignKeyConstraint(
        ["id", "draft_version_id"],
        ["skill_versions.skill_id", "skill_versions.id"],
        use_alter=True,
    ),
    ForeignKeyConstraint(  # a number without its row cannot be committed
        ["id", "head_version"],
        ["skill_versions.skill_id", "skill_versions.version"],
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    *_check("id", UUID_CHECK),
    *_check("slug", SLUG_CHECK),
    *_check("tags", JSON_CHECK, "tags", "array"),
    CheckConstraint("latest_version >= 0", name="latest_version"),
    Index("ix_skills_updated", "updated_at", "slug"),
    Index("ix_skills_created", "created_at", "slug"),
    Index("ix_skills_rating", text("coalesce(average_rating, 0)"), "slug"),
    Index("ix_skills_uses", "total_uses", "slug"),
    Index("ix_skills_place", text(PLACE), "slug"),
    Index(
        "ix_skills_figures",
        *("author_id", "total_uses", "hours_saved", *(f"stars_{n}" for n in range(1, 6))),
    ),
)

skill_versions = Table(
    "skill_versions",
    metadata,
    Column("id", Text, primary_key=True),
    _skill_id(),
    Column("version", Integer, nullable=False),
    Column("content_url", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("files", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("message", Text),
    Column("details_hash", Text, nullable=False),
    Column("created_by", Text, ForeignKey("users.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("skill_id", "version"),
    UniqueConstraint("skill_id", "id"),
    ForeignKeyConstraint(  # a version without the event of its birth cannot be committed
        ["skill_id", "version"],
        ["version_events.skill_id", "version_events.born_version"],
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    *_check("id", UUID_CHECK),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint(
        "content_url = 'sha256/' || substr(content_hash, 1, 2) || '/' || content_hash",
        name="content_url",
    ),
    CheckConstraint("size_bytes BETWEEN 0 AND 52428800", name="size_bytes"),
    CheckConstraint("length(message) <= 2000", name="message"),
    *_check("content_hash", HASH_CHECK, "content_hash"),
    *_check("details_hash", HASH_CHECK, "details_hash"),
    *_check("files", JSON_CHECK, "files", "array"),
    *_check("metadata", JSON_CHECK, "metadata", "object"),
    Index("ix_skill_versions_content_url", "content_url"),
    Index("ix_skill_versions_created_by", "skill_id", "created_by"),
)

version_events = Table(
    "version_events",
    metadata,
    Column("id", Text, primary_key=True),
    _skill_id(),
    Column("seq", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("published_version", Integer),
    Column("draft_version", Integer),
    Column("reason", Text),
    Column("successor", Integer),
    Column("actor_id", Text, ForeignKey("users.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("entry_hash", Text, nullable=False),
    Column(  # a version is born once: NULLs are never equal
        "born_version",
        Integer,
        Computed("CASE WHEN kind IN ('publish', 'draft') THEN version END", persisted=True),
    ),
    UniqueConstraint("skill_id", "seq"),
    UniqueConstraint("skill_id", "born_version"),
    *_check("id", UUID_CHECK),
    Index("ix_version_events_version", "skill_id", "version"),
    _of_skill("version"),
    _of_skill("published_version"),
    _of_skill("draft_version"),
    _of_skill("successor"),
    CheckConstraint(
        "kind IN ('publish', 'draft', 'promote', 'rollback', 'yank', 'unyank', 'purge')",
        name="kind",
    ),
    CheckConstraint("seq >= 1", name="seq"),
    CheckConstraint("length(reason) <= 2000", name="reason"),
    *_check("prev_hash", HASH_CHECK, "prev_hash"),
    *_check("entry_hash", HASH_CHECK, "entry_hash"),
)

version_state = Table(
    "version_state",
    metadata,
    Column("skill_version_id", Text),
    _skill_id(),
    *_stars(),
    Column("uses", BigInteger, nullable=False, server_default=text("0")),
    Column("yanked_at", Moment),
    Column("yank_reason", Text),
    Column("successor", Integer),
    Column("purged_at", Moment),
    PrimaryKeyConstraint("skill_version_id"),
    _of_skill("skill_version_id", key="id"),
    Index("ix_version_state_skill_id", "skill_id"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("id", Text, primary_key=True),
    _skill_id(),
    Column("skill_version_id", Text, nullable=False),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("rating", Integer, nullable=False),
    Column("comment", Text),
    Column("hours_saved_estimate", Integer),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    _of_skill("skill_version_id", key="id"),
    UniqueConstraint("user_id", "skill_version_id"),
    *_check("id", UUID_CHECK),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    CheckConstraint("length(comment) <= 2000", name="comment"),
    CheckConstraint("hours_saved_estimate BETWEEN 0 AND 1000", name="hours_saved_estimate"),
    Index("ix_ratings_newest", "skill_id", "updated_at", "id"),
    Index("ix_ratings_newest_of_all", "updated_at"),
    Index("ix_ratings_of_version", "skill_version_id", "updated_at", "id"),
    Index(
        "ix_ratings_comments", "skill_id", "updated_at", "id", info={"where": "comment IS NOT NULL"}
    ),
)

usage_events = Table(
    "usage_events",
    metadata,
    Column("id", Text, primary_key=True),
    _skill_id(),
    Column("skill_version_id", Text),
    Column("user_id", Text, ForeignKey("users.id", ondelete="SET NULL")),
    Column("tool_name", Text, nullable=False),
    Column("external_id", Text, unique=True),
    Column("metadata", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    _of_skill("skill_version_id", key="id"),
    *_check("id", UUID_CHECK),
    *_check("metadata", JSON_CHECK, "metadata", "object"),
    Index("ix_usage_events_skill", "skill_id", "created_at"),
    Index("ix_usage_events_newest", "created_at"),
    Index("ix_usage_events_version", "skill_version_id"),
    Index("ix_usage_events_user", "user_id"),
)

condemned = Table(
    "condemned",
    metadata,
    Column("content_url", Text, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("deleted_at", Moment),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("slug", Bytewise, primary_key=True),
    Column("skill_id", Text, nullable=False, unique=True),
    Column("last_version", Integer, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor_id", Text, ForeignKey("users.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
)


TIME_GLOB = (
    "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z"
)


def _type_rule(column: Column[Any]) -> str:
    """What SQLite must be told: by itself it stores 4.5 in an integer and a blob in a text."""
    name = column.name
    null = f"{name} IS NULL OR " if column.nullable else ""
    if isinstance(column.type, Integer):
        return f"({null}typeof({name}) = 'integer')"
    if isinstance(column.type, Moment):
        return f"({null}{name} GLOB '{TIME_GLOB}')"
    return f"({null}typeof({name}) = 'text' AND instr({name}, char(0)) = 0)"


@event.listens_for(metadata, "before_create")
def _complete(_: MetaData, connection: Connection, **__: object) -> None:
    """Add what only the making of tables needs: conditions of partial indexes, SQLite's types.

    Naming a dialect in the table itself would load that dialect with this module: 40 ms of CPU
    for PostgreSQL's, in commands that never speak to one.
    """
    dialect = connection.dialect.name
    for table in metadata.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                index.dialect_options[dialect]["where"] = text(index.info["where"])
        name = f"ck_{table.name}_types"
        if dialect == "sqlite" and name not in {str(c.name) for c in table.constraints}:
            rules = [_type_rule(column) for column in table.columns if column.computed is None]
            rule = CheckConstraint("\n        AND ".join(rules), name="types")
            table.append_constraint(rule.ddl_if(dialect="sqlite"))
