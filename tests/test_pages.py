"""Pages by key: every row once, in order, whatever the size of the page."""

from __future__ import annotations

import re

import pytest

from benchmarks.plans import plans
from everyskill_cli.database.queries import versions
from everyskill_cli.errors import NotFound, UsageError
from everyskill_cli.model import Opinion, Reference
from everyskill_cli.registry.pages import list_ratings, list_skills, list_versions, slugs_from
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.rate import rate
from everyskill_cli.registry.show import show
from tests.registries import make_registry, write_skill
from tests.rows import add_rating, add_version

NAMES = ["a-b", "a", "ab", "a-c", "b", "z9", "0"]


@pytest.fixture
def registry(database_url, tmp_path):
    opened = make_registry(database_url, tmp_path)
    with opened.database.writing() as tx:
        made = [add_version(tx, name) for name in NAMES]
    for number, version in enumerate(made):
        with opened.database.writing() as tx:
            add_rating(tx, version, 1 + number % 3, "bob@example.org")
    with opened.database.reading() as tx:
        opened.store.claim(str(versions.registry_id(tx)))
    yield opened
    opened.close()


def walk(read, size):
    """Follow ``next`` to the end."""
    items, after = [], None
    while True:
        page = read(size, after)
        assert len(page.items) <= size
        items += page.items
        if page.next is None:
            return items
        after = page.next


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sort", ["updated", "created", "rating", "uses"])
def test_a_page_is_found_behind_any_number_of_skills_that_share_its_key(registry, sort):
    """Most skills are rated by nobody, and used by nobody: a page passes by none of them."""
    first = list_skills(registry, sort, 1, None)
    read = plans(registry, "", lambda: list_skills(registry, sort, 1, first.next))
    assert re.search(rf"SEARCH skills USING INDEX ix_skills_{sort} \(.*=\? AND slug<\?\)", read)
    assert "TEMP B-TREE" not in read
    assert "SCAN skills" not in read


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("sort", ["updated", "created", "name", "rating", "uses"])
def test_skills(registry, sort, size):
    items = walk(lambda n, after: list_skills(registry, sort, n, after), size)
    slugs = [item.slug for item in items]
    assert sorted(slugs) == sorted(NAMES)
    keys = {
        "updated": [item.updated_at for item in items],
        "created": [item.created_at for item in items],
        "rating": [item.average_rating for item in items],
        "uses": [item.total_uses for item in items],
    }
    if sort == "name":
        assert slugs == sorted(NAMES)  # by bytes, on every server
    else:
        assert keys[sort] == sorted(keys[sort], reverse=True)


@pytest.mark.parametrize("size", [1, 4, 10, 50])
def test_versions(registry, size):
    with registry.database.writing() as tx:
        for _ in range(9):
            add_version(tx, "a")
    items = walk(lambda n, after: list_versions(registry, Reference("a"), n, after), size)
    assert [item.version for item in items] == list(range(10, 0, -1))


@pytest.mark.parametrize("size", [1, 4, 10, 50])
def test_ratings(registry, size):
    with registry.database.writing() as tx:
        second = add_version(tx, "a")
        for number in range(9):  # all of one moment: the id decides
            add_rating(tx, second, 3, f"u{number}@example.org")
    items = walk(lambda n, after: list_ratings(registry, Reference("a"), n, after), size)
    assert len({item.id for item in items}) == len(items) == 10
    of_second = walk(lambda n, after: list_ratings(registry, Reference("a", 2), n, after), size)
    assert len(of_second) == 9


@pytest.mark.parametrize("token", ["", "x", "x/y", "2026-01-01T00:00:00/a", "é/é/é", "1e5/a"])
def test_a_place_that_no_page_gave(registry, token):
    for sort in ("updated", "rating"):
        with pytest.raises(UsageError):
            list_skills(registry, sort, 5, token)
    with pytest.raises(UsageError):
        list_versions(registry, Reference("a"), 5, token)
    with pytest.raises(UsageError):
        list_ratings(registry, Reference("a"), 5, token)


def test_lists_of_a_skill_that_is_not_there(registry):
    for read in (list_versions, list_ratings):
        with pytest.raises(NotFound):
            read(registry, Reference("nothing"), 5, None)


def test_an_absent_registry_is_an_empty_one(tmp_path):
    registry = make_registry(f"sqlite:///{tmp_path}/no/r.db", tmp_path, access="read")
    assert list_skills(registry, "updated", 5, None).items == ()
    registry.close()
    assert list(tmp_path.iterdir()) == []


def test_slugs_by_their_beginning(registry):
    assert slugs_from(registry, "a") == ["a", "a-b", "a-c", "ab"]
    assert slugs_from(registry, "a-") == ["a-b", "a-c"]
    assert slugs_from(registry, "") == sorted(NAMES)
    assert slugs_from(registry, "%") == []


def test_one_screen_is_bounded(registry, tmp_path):
    for number in range(12):
        publish(registry, [write_skill(tmp_path, body=str(number))], PublishOptions())
        rate(registry, Reference("demo"), Opinion(stars=3, comment=f"comment {number}"))
    answer = show(registry, Reference("demo"))
    assert [v.version for v in answer.versions] == list(range(12, 2, -1))
    assert [c.comment for c in answer.comments] == [f"comment {n}" for n in range(11, 6, -1)]
    assert show(registry, Reference("demo", 3)).summary.version == 3
