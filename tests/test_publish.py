"""What a publish does, for every state that the registry can be in, on both databases."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import text

from everyskill_cli.database.queries import records, skills, versions
from everyskill_cli.errors import Conflict, IntegrityFailure, InvalidSkill, NotReady
from everyskill_cli.model import CONTENT_MAX, Reference
from everyskill_cli.registry import events
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.show import show
from tests.audit import audit_objects, audit_records
from tests.registries import make_registry, write_skill


@pytest.fixture
def registry(database_url, tmp_path):
    opened = make_registry(database_url, tmp_path)
    yield opened
    audit_records(opened.database)
    opened.close()


@pytest.fixture
def push(registry, tmp_path):
    """Publish a text under the name ``demo``; give the one result and the rules of warnings."""

    def run(body="Do it.", **options):
        answer = publish(registry, [write_skill(tmp_path, body=body)], PublishOptions(**options))
        [result] = answer.results
        assert answer.status == result.status
        return result, [finding.rule for finding in answer.warnings]

    return run


def act(registry, kind, number, **more):
    """Do what a later command does: append an event."""
    with registry.database.writing() as tx:
        version = versions.find(tx, skills.lock(tx, ["demo"])["demo"], number)
        act = events.Act(
            id=str(uuid.uuid4()),
            kind=kind,
            slug="demo",
            actor_id=version.created_by,
            at=records.now(tx),
            **more,
        )
        events.append(tx, [(act, version)])


def pointers(registry):
    answer = show(registry, Reference("demo"))
    return answer.skill.latest_version, answer.published_version, answer.draft_version


def search_copy(registry):
    with registry.database.reading() as tx:
        return tx.scalar(text("SELECT content FROM skills WHERE slug = 'demo'"))


def count_events(registry):
    with registry.database.reading() as tx:
        return tx.scalar(text("SELECT count(*) FROM version_events"))


def test_first_again_and_changed(registry, push, tmp_path):
    first, warnings = push(message="first", tags=("a", "b"), category="tools")
    assert (first.status, first.version, first.slug, warnings) == ("published", 1, "demo", [])
    assert first.content_url == f"sha256/{first.content_hash[:2]}/{first.content_hash}"
    again, _ = push()
    assert (again.status, again.version, again.updated) == ("unchanged", 1, ())
    assert again.created_at == first.created_at
    second, _ = push("Do it better.")
    assert (second.status, second.version, second.published_version) == ("published", 2, 2)
    answer = show(registry, Reference("demo", 1), content=True)
    assert answer.version.message == "first"
    assert answer.skill.tags == ("a", "b")
    assert answer.skill.category == "tools"
    assert answer.text.endswith("Do it.\n")
    assert [v.status for v in answer.versions] == ["published", "superseded"]
    audit_objects(registry.database, registry.store.get)


def test_unchanged_writes_nothing_and_does_not_touch_the_store(registry, push, tmp_path):
    push()
    before = count_events(registry)
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    result, _ = push()
    assert result.status == "unchanged"
    assert count_events(registry) == before
    assert not (tmp_path / "store").exists()


def test_the_same_bytes_as_an_older_version_are_a_new_version(push):
    push("one")
    push("two")
    third, _ = push("one")
    assert (third.status, third.version) == ("published", 3)


def test_a_draft_leaves_the_published_version(registry, push):
    push("one")
    draft, _ = push("two", draft=True)
    assert (draft.status, draft.version) == ("draft", 2)
    assert pointers(registry) == (2, 1, 2)
    assert push("two", draft=True)[0].status == "unchanged"
    assert pointers(registry) == (2, 1, 2)


def test_a_draft_published_as_it_is_is_promoted(registry, push):
    push("one")
    push("two", draft=True)
    before = count_events(registry)
    promoted, _ = push("two")
    assert (promoted.status, promoted.version) == ("promoted", 2)
    assert pointers(registry) == (2, 2, None)
    assert count_events(registry) == before + 1
    assert search_copy(registry).endswith("two\n")


def test_a_publish_clears_the_draft(registry, push):
    push("one", draft=True)
    assert pointers(registry) == (1, None, 1)
    result, _ = push("two")
    assert (result.published_version, result.draft_version) == (2, None)
    assert pointers(registry) == (2, 2, None)


def test_a_draft_of_what_is_published_is_unchanged(registry, push):
    push("one")
    assert push("one", draft=True)[0].status == "unchanged"
    assert pointers(registry) == (1, 1, None)


def test_a_push_never_undoes_a_rollback(registry, push):
    push("one")
    push("two")
    act(registry, "rollback", 1)
    before = count_events(registry)
    result, warnings = push("two")
    assert (result.status, result.version, result.published_version) == ("unchanged", 2, 1)
    assert warnings == ["rolled-back"]
    assert count_events(registry) == before
    assert push("three")[0].status == "published"
    assert pointers(registry) == (3, 3, None)


def test_a_push_never_undoes_a_yank(registry, push):
    push("one")
    push("two")
    act(registry, "yank", 2, reason="wrong advice", falls_back_to=1)
    result, warnings = push("two")
    assert (result.status, result.published_version, warnings) == ("unchanged", 1, ["yanked"])
    act(registry, "unyank", 2)
    assert push("two")[1] == ["rolled-back"]
    act(registry, "promote", 2)
    assert push("two")[1] == []


def test_purged_bytes_are_refused_under_every_name(registry, push, tmp_path):
    push("one")
    push("secret")
    act(registry, "purge", 2, reason="a key", falls_back_to=1)
    with pytest.raises(Conflict, match="purged"):
        push("secret")
    with pytest.raises(Conflict, match="purged"):
        push("secret", slug="other")
    with pytest.raises(Conflict, match="purged"):
        push("secret", dry_run=True)
    assert pointers(registry) == (2, 1, None)


def test_a_publish_that_was_killed_behind_its_commit_may_be_repeated(registry, push):
    push("one", expect=0)
    assert push("one", expect=0)[0].status == "unchanged"
    push("two", expect=1)
    assert push("two", expect=1)[0].status == "unchanged"
    with pytest.raises(Conflict, match="at version 2"):
        push("two", expect=0)


@pytest.mark.parametrize(("expect", "passes"), [(0, False), (1, True), (2, False)])
def test_expect_is_compare_and_set(registry, push, expect, passes):
    push("one", expect=0)
    if passes:
        assert push("two", expect=expect)[0].version == 2
        return
    with pytest.raises(Conflict, match="at version 1"):
        push("two", expect=expect)
    assert pointers(registry) == (1, 1, None)


def test_expecting_a_version_of_a_skill_that_is_not_there(push):
    with pytest.raises(Conflict, match="does not exist yet"):
        push(expect=3)


def test_a_dry_run_writes_nothing(registry, push, tmp_path):
    result, _ = push(dry_run=True)
    assert (result.status, result.version, result.published_version) == ("would-publish", 1, 1)
    with registry.database.reading() as tx:
        assert tx.scalar(text("SELECT count(*) FROM skills")) == 0
    assert not (tmp_path / "store").exists()
    push("one")
    push("two", draft=True)
    before = count_events(registry)
    result, _ = push("two", dry_run=True)
    assert (result.status, result.version, result.published_version) == ("would-publish", 2, 2)
    assert push("three", dry_run=True, draft=True)[0].draft_version == 3
    assert push("two", dry_run=True, draft=True)[0].status == "unchanged"
    assert count_events(registry) == before


def test_a_dry_run_without_a_registry_makes_none(tmp_path):
    registry = make_registry(f"sqlite:///{tmp_path}/no/r.db", tmp_path, access="read")
    answer = publish(registry, [write_skill(tmp_path)], PublishOptions(dry_run=True))
    registry.close()
    assert answer.status == "would-publish"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo"]


def test_an_invalid_skill_makes_no_registry(tmp_path):
    registry = make_registry(f"sqlite:///{tmp_path}/no/r.db", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidSkill):
        publish(registry, [tmp_path / "empty"], PublishOptions())
    registry.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty"]


def test_tags_and_category_change_without_new_bytes(registry, push):
    push(tags=("a",), category="x")
    before = count_events(registry)
    result, _ = push(tags=("b", "c"), category="")
    assert (result.status, result.updated) == ("unchanged", ("tags", "category"))
    assert push(tags=("b", "c"))[0].updated == ()
    skill = show(registry, Reference("demo")).skill
    assert (skill.tags, skill.category) == (("b", "c"), None)
    assert push(tags=())[0].updated == ("tags",)
    assert count_events(registry) == before


def test_a_newcomer_is_told_who_was_there_before(database_url, registry, push, tmp_path):
    push("one")
    bob = replace(registry.settings, user="bob@example.org")
    other = type(registry)(bob, "write")
    answer = publish(other, [write_skill(tmp_path, body="two")], PublishOptions())
    again = publish(other, [write_skill(tmp_path, body="three")], PublishOptions())
    other.close()
    [finding] = answer.warnings
    assert finding.rule == "new-author"
    assert "ann@example.org" in finding.message
    assert again.warnings == ()


def test_name_and_description_follow_the_published_version(registry, tmp_path):
    def put(name, **options):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "SKILL.md").write_text(f"---\nname: {name}\ndescription: About {name}.\n---\nx\n")
        publish(registry, [folder], PublishOptions(slug="demo", **options))
        skill = show(registry, Reference("demo")).skill
        return skill.name, skill.description

    assert put("first", draft=True) == ("first", "About first.")
    assert put("second") == ("second", "About second.")
    assert put("third", draft=True) == ("second", "About second.")


def test_the_search_copy_ends_at_a_character(registry, push):
    push("ä" * CONTENT_MAX)
    content = search_copy(registry)
    assert CONTENT_MAX - 2 < len(content.encode()) <= CONTENT_MAX


def test_metadata_survives_the_database_and_hashes_again(registry, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "SKILL.md").write_text(
        '---\nname: odd\ndescription: "ünï ☃ \\U0001F600"\nversion: 1.10\nyes: on\nempty:\n'
        "list: [1, 2.50, null]\n---\n"
    )
    publish(registry, [folder], PublishOptions(message="„why“ 'so'"))
    version = show(registry, Reference("odd")).version
    assert version.metadata["frontmatter"]["version"] == "1.10"
    assert version.metadata["frontmatter"]["yes"] == "on"
    assert version.metadata["declared_version"] == "1.10"


def test_a_store_of_another_registry_is_refused(registry, push, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "everyskill.json").write_text(
        '{"everyskill":1,"registry":"11111111-1111-4111-8111-111111111111"}\n'
    )
    with pytest.raises(NotReady, match="11111111"):
        push()
    with registry.database.reading() as tx:
        assert tx.scalar(text("SELECT count(*) FROM skills")) == 0


def test_wrong_bytes_in_the_store_are_put_right_before_a_row_names_them(registry, push, tmp_path):
    result, _ = push("one", dry_run=True)
    place = tmp_path / "store" / result.content_url
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    push("one")
    audit_objects(registry.database, registry.store.get)


def test_content_that_was_changed_in_the_store_is_not_shown(registry, push, tmp_path):
    result, _ = push()
    place = tmp_path / "store" / result.content_url
    place.chmod(0o644)
    place.write_bytes(b"something else")
    with pytest.raises(IntegrityFailure):
        show(registry, Reference("demo"), content=True)


def test_a_registry_with_versions_is_not_split_over_two_stores(
    database_url, registry, push, tmp_path
):
    push("one")
    elsewhere = replace(registry.settings, store_url=f"file://{tmp_path}/other")
    other = type(registry)(elsewhere, "write")
    with closing(other), pytest.raises(NotReady, match="is not theirs"):
        publish(other, [write_skill(tmp_path, body="two")], PublishOptions())
    assert not (tmp_path / "other").exists()
    assert pointers(registry) == (1, 1, None)


def test_why_a_draft_was_promoted_is_in_its_event(registry, push):
    push("one", draft=True, message="try this")
    push("one", message="now for all")
    with registry.database.reading() as tx:
        reasons = tx.scalars(text("SELECT reason FROM version_events ORDER BY seq")).all()
    assert list(reasons) == [None, "now for all"]
    assert show(registry, Reference("demo")).version.message == "try this"


def test_wishes_that_come_to_nothing_are_said(push):
    push("one")
    assert push("one", message="why not")[1] == ["message-not-kept"]
    assert push("one", draft=True)[1] == ["no-draft"]
