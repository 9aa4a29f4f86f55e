"""Rows as publish and rate write them, without files and stores: for tests of the database."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from everyskill_cli.chain import details_hash
from everyskill_cli.database.engine import Transaction
from everyskill_cli.database.queries import ratings, records, skills, users, versions
from everyskill_cli.database.tables import metadata
from everyskill_cli.model import EventKind, NewSkill, Rating, SkillVersion
from everyskill_cli.registry import events


def add_version(
    tx: Transaction, slug: str = "demo", kind: EventKind = "publish", email: str = "ann@example.org"
) -> SkillVersion:
    """Append a version with bytes that nobody has, as publish does under the skill's lock."""
    user_id = ensure_user(tx, email)
    skill = NewSkill(
        id=str(uuid.uuid4()),
        slug=slug,
        name=slug.title(),
        description=f"About {slug}",
        category=None,
        tags=("one", "two"),
        author_id=user_id,
    )
    if not skills.lock(tx, [slug]):
        skills.add(tx, [skill])
    skill_id, number, now = allocate(tx, slug)
    version = make_version(skill_id, user_id, number, now)
    versions.add(tx, [version])
    append(tx, version, kind, slug=slug)
    return version


def ensure_user(tx: Transaction, email: str) -> str:
    """Find or make a user, in statements that every release of the schema understands."""
    found = tx.scalar(select(metadata.tables["users"].c.id).filter_by(email=email))
    return found or users.add(tx, email)


def allocate(tx: Transaction, slug: str) -> tuple[str, int, datetime]:
    """Lock a skill, and allocate its next version's number: its id, the number, the time."""
    skill_id = skills.lock(tx, [slug])[slug]
    return skill_id, *skills.next_versions(tx, [skill_id])[skill_id]


def make_version(skill_id, user_id, number, now) -> SkillVersion:
    content_hash = hashlib.sha256(uuid.uuid4().bytes).hexdigest()
    descriptive = {
        "name": f"Name {number}",
        "description": f"Description {number}",
        "content_type": "text/markdown; charset=utf-8",
        "files": (),
        "metadata": {"frontmatter": {"name": "demo", "näme": "ünïcode ☃"}},
        "message": f"Change {number}",
    }
    return SkillVersion(
        id=str(uuid.uuid4()),
        skill_id=skill_id,
        version=number,
        content_url=f"sha256/{content_hash[:2]}/{content_hash}",
        content_hash=content_hash,
        size_bytes=number,
        details_hash=details_hash(**descriptive),
        created_by=user_id,
        created_at=now,
        **descriptive,
    )


def append(tx: Transaction, version: SkillVersion, kind: EventKind, *, slug: str = "demo", **more):
    """Append an event by the version's author."""
    act = events.Act(
        id=str(uuid.uuid4()),
        kind=kind,
        slug=slug,
        actor_id=version.created_by,
        at=version.created_at if kind in ("publish", "draft") else records.now(tx),
        **more,
    )
    [event] = events.append(tx, [(act, version)])
    return event


def add_rating(
    tx: Transaction, version: SkillVersion, stars: int, email: str, hours: int | None = None
) -> Rating:
    """Rate a version as somebody."""
    now = records.now(tx)
    rating = Rating(
        id=str(uuid.uuid4()),
        skill_id=version.skill_id,
        skill_version_id=version.id,
        user_id=ensure_user(tx, email),
        rating=stars,
        comment=None,
        hours_saved_estimate=hours,
        created_at=now,
        updated_at=now,
    )
    before = ratings.find(tx, rating.user_id, version.id)
    if before is None and ratings.add(tx, rating):
        return rating
    before = before or ratings.find(tx, rating.user_id, version.id)
    ratings.change(tx, replace(rating, id=before.id))
    return rating
