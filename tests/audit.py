"""The invariants of a registry, recomputed from nothing but its rows and objects.

The statements are written anew from docs/format.md, so that a mistake in the program's own
hashing does not prove itself right.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from sqlalchemy import select

from everyskill_cli.database.engine import Database
from everyskill_cli.database.tables import metadata

STAR = [f"stars_{n}" for n in range(1, 6)]


def audit_records(database: Database) -> None:
    """Assert I2, I4, I5 and I8 for every skill: numbers, hashes and chain, pointers, counters."""
    with database.reading() as tx:
        tables = {name: _rows(tx, name) for name in metadata.tables}
    registry = tables["registry"][0]["id"]
    for skill in tables["skills"]:
        mine = {
            name: [row for row in rows if row.get("skill_id") == skill["id"]]
            for name, rows in tables.items()
        }
        versions = {row["version"]: row for row in mine["skill_versions"]}
        assert sorted(versions) == list(range(1, skill["latest_version"] + 1))
        for version in versions.values():
            assert version["details_hash"] == _details(version)
        events = sorted(mine["version_events"], key=lambda event: event["seq"])
        _audit_chain(registry, skill["slug"], versions, events)
        ids = {number: row["id"] for number, row in versions.items()} | {None: None}
        assert skill["published_version_id"] == ids[events[-1]["published_version"]]
        assert skill["draft_version_id"] == ids[events[-1]["draft_version"]]
        _audit_counts(skill, mine["ratings"], len(mine["usage_events"]), "total_uses")
        for state in mine["version_state"]:
            version_id = state["skill_version_id"]
            rated = [r for r in mine["ratings"] if r["skill_version_id"] == version_id]
            used = [u for u in mine["usage_events"] if u["skill_version_id"] == version_id]
            _audit_counts(state, rated, len(used), "uses")


def audit_objects(database: Database, get) -> None:
    """Assert I1: every version's object is there and hashes to what the row says.

    Of what was purged nothing is asked: a purge that was stopped may have left its object.
    """
    with database.reading() as tx:
        versions = _rows(tx, "skill_versions")
        states = _rows(tx, "version_state")
    purged = {state["skill_version_id"] for state in states if state["purged_at"] is not None}
    for version in versions:
        if version["id"] in purged:
            continue
        data = get(version["content_url"])
        assert hashlib.sha256(data).hexdigest() == version["content_hash"]
        assert len(data) == version["size_bytes"]


def _rows(tx, name):
    return [dict(row._mapping) for row in tx.execute(select(metadata.tables[name]))]


def _details(version) -> str:
    fields = ("name", "description", "content_type", "files", "metadata", "message")
    statement = json.dumps(
        {field: version[field] for field in fields},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(statement.encode()).hexdigest()


def _audit_chain(registry, slug, versions, events):
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    born = [event["version"] for event in events if event["kind"] in ("publish", "draft")]
    assert sorted(born) == sorted(versions)
    previous = "0" * 64
    for event in events:
        version = versions[event["version"]]
        reason = event["reason"]
        stamp = event["created_at"].isoformat(timespec="milliseconds")
        lines = [
            "everyskill-event:1",
            f"registry:{registry}",
            f"skill:{slug}",
            f"event:{event['id']}",
            f"seq:{event['seq']}",
            f"kind:{event['kind']}",
            f"version:{event['version']}",
            f"content:{version['content_hash']}",
            f"size:{version['size_bytes']}",
            f"details:{version['details_hash']}",
            f"published:{event['published_version'] or '-'}",
            f"draft:{event['draft_version'] or '-'}",
            f"reason:{'-' if reason is None else hashlib.sha256(reason.encode()).hexdigest()}",
            f"successor:{event['successor'] or '-'}",
            f"actor:{event['actor_id']}",
            f"created_at:{stamp.replace('+00:00', 'Z')}",
            f"prev:{previous}",
        ]
        assert event["prev_hash"] == previous
        previous = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
        assert event["entry_hash"] == previous


def _audit_counts(row, rated, used, uses):
    stars = Counter(rating["rating"] for rating in rated)
    assert [row[name] for name in STAR] == [stars[n] for n in range(1, 6)]
    assert row["hours_saved"] == sum(r["hours_saved_estimate"] or 0 for r in rated)
    assert row[uses] == used
    if rated:  # half up, in whole numbers
        total = sum(rating["rating"] for rating in rated)
        assert row["average_rating"] == (200 * total + len(rated)) // (2 * len(rated))
    else:
        assert row["average_rating"] is None
