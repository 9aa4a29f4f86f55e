"""One row that no client wrote takes nothing else down, and can be withdrawn by whoever owns it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from everyskill_cli.errors import IntegrityFailure
from everyskill_cli.model import Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.purge import purge
from everyskill_cli.registry.auditing.verify import VerifyOptions, verify
from everyskill_cli.registry.pages import list_skills, list_versions
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.rate import Opinion, rate
from everyskill_cli.registry.releasing.release import promote, unyank, yank
from everyskill_cli.registry.show import show
from tests.figures import Count
from tests.registries import make_registry, write_skill

DEMO = Reference("demo")
ODD = {
    "frontmatter": ("metadata", {"frontmatter": 5}),
    "source": ("metadata", {"frontmatter": {}, "source": {"commit": 1}}),
    "declared": ("metadata", {"frontmatter": {}, "declared_version": 1}),
    "size": ("files", [{"path": "SKILL.md", "sha256": "f" * 64, "executable": False}]),
    "entry": ("files", [1]),
}


@pytest.fixture
def registry(database_url: str, tmp_path: Path) -> Iterator[Registry]:
    with closing(make_registry(database_url, tmp_path)) as made:
        yield made


def add(registry: Registry, folder: Path, name: str, body: str) -> None:
    publish(registry, [write_skill(folder, name, body)], PublishOptions())


def spoil(registry: Registry, statement: str, value: object) -> None:
    """Write past the triggers, as an owner can."""
    off, on = "DROP TRIGGER skill_versions_update", "SELECT 1"
    if registry.database.dialect == "postgresql":
        off, on = (
            f"ALTER TABLE skill_versions {verb} TRIGGER USER" for verb in ("DISABLE", "ENABLE")
        )
    with registry.database.writing() as tx:
        tx.execute(text(off))
        tx.execute(text(statement), {"value": json.dumps(value)})
        tx.execute(text(on))


def cast(registry: Registry) -> str:
    return ":value" if registry.database.dialect == "sqlite" else "CAST(:value AS jsonb)"


@pytest.mark.parametrize("what", ODD)
def test_an_odd_version_hides_no_other_and_can_be_withdrawn(
    registry: Registry, tmp_path: Path, what: str, count: Count
) -> None:
    column, value = ODD[what]
    for body in ("One.", "Two.", "Three."):
        add(registry, tmp_path, "demo", body)
    add(registry, tmp_path, "other", "Four.")
    spoil(
        registry, f"UPDATE skill_versions SET {column} = {cast(registry)} WHERE version = 3", value
    )
    third = Reference("demo", 3)
    assert {item.slug for item in list_skills(registry, "name", 9, None).items} == {"demo", "other"}
    listed = list_versions(registry, DEMO, 9, None).items
    assert [(item.version, item.declared_version) for item in listed] == [
        (3, None),
        (2, None),
        (1, None),
    ]
    for version in (DEMO, third):
        with pytest.raises(IntegrityFailure, match="never wrote"):
            show(registry, version)
    assert show(registry, Reference("demo", 2)).versions[0].version == 3
    assert rate(registry, third, Opinion(stars=4)).status == "rated"
    assert any(d.version == 3 for d in verify(registry, [DEMO], VerifyOptions()).results)
    add(registry, tmp_path, "demo", "Five.")
    assert show(registry, DEMO).published_version == 4
    assert yank(registry, third, reason="odd").status == "yanked"
    assert unyank(registry, third).status == "unyanked"
    assert promote(registry, Reference("demo", 1)).status == "promoted"
    assert purge(registry, third, reason="odd").status == "purged"
    assert show(registry, DEMO).versions[1].status == "purged"
    count("odd rows", versions=1)


def test_an_odd_version_that_is_published_is_yanked(registry: Registry, tmp_path: Path) -> None:
    for body in ("One.", "Two."):
        add(registry, tmp_path, "demo", body)
    statement = f"UPDATE skill_versions SET metadata = {cast(registry)} WHERE version = 2"
    spoil(registry, statement, {"frontmatter": 5})
    assert yank(registry, Reference("demo", 2), reason="odd").results[0].published_version == 1
    assert show(registry, DEMO).version.version == 1


@pytest.mark.parametrize("tags", [[1], ["a", None], {}, "a", None], ids=str)
def test_odd_tags_end_nothing_and_are_replaced(
    registry: Registry, tmp_path: Path, tags: object, count: Count
) -> None:
    add(registry, tmp_path, "demo", "One.")
    if not isinstance(tags, list):  # what a check of both databases refuses
        with registry.database.writing() as tx:
            if registry.database.dialect == "sqlite":
                tx.execute(text("PRAGMA ignore_check_constraints = ON"))
            else:
                tx.execute(text("ALTER TABLE skills DROP CONSTRAINT ck_skills_tags"))
    spoil(registry, f"UPDATE skills SET tags = {cast(registry)}", tags)
    kept = ("a",) if tags == ["a", None] else ()
    assert list_skills(registry, "name", 9, None).items[0].tags == kept
    assert show(registry, DEMO).skill.tags == kept
    publish(registry, [tmp_path / "demo"], PublishOptions(tags=("new",)))
    assert show(registry, DEMO).skill.tags == ("new",)
    count("odd rows", tags=1)
