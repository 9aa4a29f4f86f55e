"""Skills whose bytes are their latest version's are not looked into, nor taken for another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from everyskill_cli.registry.publishing import candidate as candidate_module
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.watch import Watch
from tests.registries import TEXT, make_registry, write_skill


@pytest.fixture
def registry(tmp_path: Path):
    registry = make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)
    yield registry
    registry.close()


@pytest.fixture
def run(registry, tmp_path):
    def run(*paths: Path, **options):
        paths = paths or (tmp_path / "skills",)
        return publish(registry, paths, PublishOptions(**options)).results

    return run


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of the skills that were looked into, in order."""
    titles: list[str] = []
    look_into = candidate_module.look_into

    def watched(found, **options):
        titles.append(found.title)
        return look_into(found, **options)

    monkeypatch.setattr(candidate_module, "look_into", watched)
    return titles


def said(results) -> list[tuple]:
    return [(result.slug, result.status, result.version) for result in results]


def test_only_what_changed_is_looked_into(run, tmp_path, looked):
    for name in ("a", "b", "c"):
        write_skill(tmp_path / "skills", name)
    run()
    write_skill(tmp_path / "skills", "b", "Other.")
    looked.clear()
    results = run()
    assert said(results) == [("a", "unchanged", 1), ("b", "published", 2), ("c", "unchanged", 1)]
    assert looked == ["b"]
    assert [result.name for result in results] == ["a", "b", "c"]
    assert all(result.description and result.files and result.size_bytes for result in results)


def test_a_skill_that_was_published_under_a_chosen_slug_is_not_taken_for_it(run, tmp_path):
    """The folder is called like another's slug, and has the very bytes of that one."""
    write_skill(tmp_path / "skills", "a")
    odd = write_skill(tmp_path / "skills", "other")
    (odd / "SKILL.md").write_text(TEXT.format(name="foo", body="Do it."))
    run(odd, slug="other")
    assert said(run()) == [("a", "published", 1), ("foo", "published", 1)]


def test_a_renamed_folder_without_a_name_in_its_skill_is_a_new_skill(run, tmp_path):
    write_skill(tmp_path / "skills", "a")
    plain = tmp_path / "skills" / "plain"
    plain.mkdir()
    (plain / "SKILL.md").write_text("# Plain\n\nNo frontmatter.\n")
    assert said(run())[1] == ("plain", "published", 1)
    assert said(run())[1] == ("plain", "unchanged", 1)
    plain.rename(plain.with_name("renamed"))
    assert said(run())[1] == ("renamed", "published", 1)


def test_a_draft_is_looked_into_when_it_is_promoted(run, registry, tmp_path, looked):
    for name in ("a", "b"):
        write_skill(tmp_path / "skills", name)
    run(draft=True)
    looked.clear()
    assert [result.status for result in run()] == ["promoted", "promoted"]
    assert looked == ["a", "b"]
    with registry.database.reading() as tx:
        kept = tx.exec_driver_sql("SELECT slug, content FROM skills ORDER BY slug").all()
    assert [(slug, bool(text)) for slug, text in kept] == [("a", True), ("b", True)]


def test_tags_reach_skills_that_stay_as_they_are(run, tmp_path):
    for name in ("a", "b"):
        write_skill(tmp_path / "skills", name)
    run()
    results = run(tags=("one",))
    assert [(result.status, result.updated) for result in results] == [
        ("unchanged", ("tags",)),
        ("unchanged", ("tags",)),
    ]
    assert [result.updated for result in run(tags=("one",))] == [(), ()]


def test_strict_looks_into_every_skill(run, tmp_path):
    """What was published without --strict does not pass with it."""
    write_skill(tmp_path / "skills", "a")
    odd = write_skill(tmp_path / "skills", "not-its-name")
    (odd / "SKILL.md").write_text(TEXT.format(name="Not its name", body="Do it."))
    run()
    results = run(strict=True)
    assert [result.status for result in results] == ["unchanged", "refused"]


def test_one_skill_alone_is_looked_into_each_time(run, tmp_path, looked):
    """Its warnings are said every time."""
    folder = write_skill(tmp_path / "skills", "a")
    assert [said(run(folder)), said(run(folder))] == [
        [("a", "published", 1)],
        [("a", "unchanged", 1)],
    ]
    assert looked == ["a", "a"]


def test_a_skill_that_changes_after_it_was_compared_gets_no_version_without_bytes(
    registry, run, tmp_path
):
    """There is only a tag to write, so nothing was stored: the new bytes are not taken."""

    class Edit(Watch):
        def read(self, done: int, total: int) -> None:
            if done == total:
                write_skill(tmp_path / "skills", "a", "Edited meanwhile.")

    for name in ("a", "b"):
        write_skill(tmp_path / "skills", name)
    run()
    options = PublishOptions(tags=("one",))
    results = publish(registry, [tmp_path / "skills"], options, Edit()).results
    assert [(result.status, result.error and result.error.rule) for result in results] == [
        ("refused", "changed-while-read"),
        ("unchanged", None),
    ]
    assert said(run()) == [("a", "published", 2), ("b", "unchanged", 1)]
