"""How tables, columns, constraints, indexes and triggers stand on PostgreSQL, and how they should.

What the migrations make stands in ``migrations/guards.postgresql.json``, which ``python -m
tests.guards`` writes from a fresh database: whoever looks may make none to compare with. Of every
guard two things are noted: its shape, in words that every server finds alike, and its text (of a
check, a default, an index), which another server may print in other words and equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

FILE: Final = Path(__file__).with_name("migrations") / "guards.postgresql.json"
MAJORS: Final = range(15, 19)  # of the servers that print the texts alike: 15, 16 and 18 were tried
KIN: Final = ("child", "parent")  # rows of the one are rows of the other, past its guards
NOT_OURS: Final = ("trigger", "rule", "constraint")  # may do something to rows; others may stand by

# Rows of a catalog as JSON give NULL for a column that this server does not have yet.
_FACTS: Final = text("""
    WITH own AS (
        SELECT oid, relname, relnamespace,
            concat_ws(' ', relkind, relpersistence, relispartition, relforcerowsecurity) AS shape
        FROM pg_class WHERE relnamespace = to_regnamespace(:schema) AND relkind IN ('r', 'p')
    )
    SELECT 'table' AS kind, relname::text AS place, '' AS name, shape, '' AS words FROM own
    UNION ALL
    SELECT 'column', own.relname, a.attname,
        concat_ws(' ', format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN 'required' END,
            'generated:' || nullif(a.attgenerated::text, ''),
            'identity:' || nullif(a.attidentity::text, ''), 'by:' || c.collname),
        coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM own JOIN pg_attribute AS a ON a.attrelid = own.oid
        AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = own.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
    UNION ALL
    SELECT 'constraint', own.relname, k.conname,
        concat_ws(' ', k.contype, CASE WHEN k.condeferrable THEN 'deferrable' END,
            CASE WHEN k.condeferred THEN 'deferred' END,
            CASE WHEN NOT k.convalidated THEN 'unchecked' END,
            CASE WHEN to_jsonb(k) ->> 'conenforced' = 'false' THEN 'unenforced' END,
            (SELECT string_agg(attname, ',' ORDER BY n)
                FROM unnest(k.conkey) WITH ORDINALITY AS u (num, n)
                JOIN pg_attribute ON attrelid = k.conrelid AND attnum = num),
            'to ' || (SELECT relname FROM own AS other WHERE other.oid = k.confrelid),
            (SELECT string_agg(attname, ',' ORDER BY n)
                FROM unnest(k.confkey) WITH ORDINALITY AS u (num, n)
                JOIN pg_attribute ON attrelid = k.confrelid AND attnum = num),
            CASE WHEN k.contype = 'f' THEN concat(k.confupdtype, k.confdeltype, k.confmatchtype)
            END),
        coalesce(pg_get_expr(k.conbin, k.conrelid), '')
    FROM own JOIN pg_constraint AS k ON k.conrelid = own.oid
        AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT 'index', own.relname, i.relname,
        concat_ws(' ', am.amname, CASE WHEN x.indisunique THEN 'unique' END,
            CASE WHEN x.indisprimary THEN 'primary' END,
            CASE WHEN NOT x.indimmediate THEN 'deferrable' END,
            CASE WHEN NOT (x.indisvalid AND x.indisready AND x.indislive) THEN 'invalid' END,
            CASE WHEN to_jsonb(x) ->> 'indnullsnotdistinct' = 'true' THEN 'nulls alike' END,
            (SELECT string_agg(concat_ws(' ', coalesce(attname, '()'), opcname, collname,
                    nullif((x.indoption::int2[])[n - 1], 0)), ',' ORDER BY n)
                FROM generate_series(1, x.indnkeyatts) AS n
                JOIN pg_opclass AS o ON o.oid = (x.indclass::oid[])[n - 1]
                LEFT JOIN pg_attribute
                    ON attrelid = x.indrelid AND attnum = (x.indkey::int2[])[n - 1]
                LEFT JOIN pg_collation AS c ON c.oid = (x.indcollation::oid[])[n - 1]),
            CASE WHEN x.indpred IS NOT NULL THEN 'some rows' END),
        concat_ws(' where ', pg_get_expr(x.indexprs, x.indrelid),
            pg_get_expr(x.indpred, x.indrelid))
    FROM own JOIN pg_index AS x ON x.indrelid = own.oid
    JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_am AS am ON am.oid = i.relam
    UNION ALL
    SELECT 'trigger', own.relname, t.tgname,
        concat_ws(' ', t.tgtype, p.proname,
            CASE WHEN p.pronamespace <> own.relnamespace THEN 'elsewhere' END,
            nullif(encode(t.tgargs, 'escape'), ''), nullif(t.tgattr::text, ''),
            CASE WHEN t.tgqual IS NOT NULL THEN 'when' END,
            CASE WHEN t.tgconstraint <> 0 THEN 'constraint' END,
            CASE WHEN t.tgdeferrable THEN 'deferrable' END,
            CASE WHEN t.tginitdeferred THEN 'deferred' END, t.tgoldtable, t.tgnewtable,
            CASE WHEN t.tgenabled NOT IN ('O', 'A') THEN 'off' END),
        ''
    FROM own JOIN pg_trigger AS t ON t.tgrelid = own.oid AND NOT t.tgisinternal
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    UNION ALL
    SELECT 'off', own.relname, k.conname, '', '' FROM own
    JOIN pg_trigger AS t ON t.tgrelid = own.oid
        AND t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')
    JOIN pg_constraint AS k ON k.oid = t.tgconstraint
    UNION ALL
    SELECT 'rule', own.relname, r.rulename, '', ''
    FROM own JOIN pg_rewrite AS r ON r.ev_class = own.oid
    UNION ALL
    SELECT 'child', own.relname, h.inhrelid::regclass::text, '', ''
    FROM own JOIN pg_inherits AS h ON h.inhparent = own.oid
    UNION ALL
    SELECT 'parent', own.relname, h.inhparent::regclass::text, '', ''
    FROM own JOIN pg_inherits AS h ON h.inhrelid = own.oid
    UNION ALL
    SELECT 'function', '', p.proname,
        concat_ws(' ', l.lanname, p.prokind, p.provolatile,
            CASE WHEN p.proisstrict THEN 'strict' END,
            '(' || pg_get_function_identity_arguments(p.oid) || ')',
            format_type(p.prorettype, NULL)),
        ''
    FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.pronamespace = to_regnamespace(:schema) AND starts_with(p.proname, 'everyskill_')
""")


class Fact(NamedTuple):
    """One guard: what it is, of which table, and how it stands."""

    kind: str
    table: str
    name: str
    shape: str
    words: str

    @property
    def said(self) -> str:
        """What to call it."""
        if self.kind == "table":
            return self.table
        return f"{self.table}.{self.name}" if self.kind == "column" else self.name


def facts(connection: Connection, schema: str) -> list[Fact]:
    """Read how everything stands in a schema, in one statement."""
    rows = connection.execute(_FACTS, {"schema": schema})
    return sorted(Fact(*map(str, row)) for row in rows)


def compared(connection: Connection, schema: str) -> Iterator[str]:
    """Say what is missing, changed, switched off, or beside ours and not ours.

    On a server that was not tried, texts are not compared: a false alarm is worse than a miss.
    """
    wanted = [Fact(*row) for row in json.loads(FILE.read_text(encoding="utf-8"))["guards"]]
    found = {fact[:3]: fact for fact in facts(connection, schema)}
    tables = {fact.table for fact in wanted if fact.kind == "table"}
    exact = can_compare_texts(connection)
    for fact in wanted:
        if fact.table in tables and ("table", fact.table, "") not in found and fact.kind != "table":
            continue  # it is gone with its table
        why = _difference(fact, found.get(fact[:3]), exact=exact)
        if why:
            yield f"{fact.said} {why}"
    ours = {fact[:3] for fact in wanted}
    for key, fact in found.items():
        if fact.kind == "off" and fact.table in tables:
            yield f"{fact.name} is switched off"
        elif fact.kind in NOT_OURS and fact.table in tables and key not in ours:
            yield f"{fact.name} on {fact.table} is not ours"
        elif fact.kind in KIN and fact.table in tables:
            yield f"{fact.table} has a {fact.kind} that is not ours: {fact.name}"


def can_compare_texts(connection: Connection) -> bool:
    """Tell whether this server prints checks and defaults as those do that were tried."""
    number = connection.scalar(text("SELECT current_setting('server_version_num')::integer"))
    return int(number or 0) // 10_000 in MAJORS


def _difference(wanted: Fact, found: Fact | None, *, exact: bool) -> str:
    if found is None:
        return "is missing"
    if found.shape == f"{wanted.shape} off":
        return "is switched off"
    same = found.shape == wanted.shape and (found.words == wanted.words or not exact)
    return "" if same else "was changed"
