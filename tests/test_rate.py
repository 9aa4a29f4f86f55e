"""Ratings: one for each person and version, replaced, cleared, taken back; averages exact."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from everyskill_cli.errors import Conflict, NotFound
from everyskill_cli.model import Opinion, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.pages import list_ratings
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.rate import rate
from everyskill_cli.registry.show import show
from tests.audit import audit_records
from tests.registries import make_registry, write_skill
from tests.rows import append


@pytest.fixture
def registry(database_url, tmp_path):
    """A skill with two published versions."""
    opened = make_registry(database_url, tmp_path)
    for body in ("one", "two"):
        publish(opened, [write_skill(tmp_path, body=body)], PublishOptions())
    yield opened
    audit_records(opened.database)
    opened.close()


@pytest.fixture
def say(registry):
    """Rate as somebody; give the status and the one result."""

    def run(stars, reference="demo", user="bob@example.org", **opinion):
        person = Registry(replace(registry.settings, user=user), "write")
        with closing(person):
            answer = rate(person, Reference.parse(reference), Opinion(stars=stars, **opinion))
        [result] = answer.results
        return answer.status, result

    return run


def test_a_rating_is_of_the_published_version_unless_one_is_named(say):
    assert say(5)[1].version == 2
    assert say(5, "demo@1")[1].version == 1
    assert say(5, "demo@latest")[1].version == 2


def test_again_replaces_and_keeps_what_is_not_given(say):
    status, first = say(4, comment="fine", hours_saved=3)
    assert (status, first.rating.comment, first.rating.hours_saved_estimate) == ("rated", "fine", 3)
    status, second = say(2)
    assert (status, second.rating.comment, second.rating.hours_saved_estimate) == (
        "replaced",
        "fine",
        3,
    )
    assert second.rating.id == first.rating.id
    assert second.rating.created_at == first.rating.created_at
    assert (second.average_rating, second.rating_count) == (200, 1)
    assert say(2)[0] == "unchanged"
    _, cleared = say(2, comment="", hours_saved=0)
    assert (cleared.rating.comment, cleared.rating.hours_saved_estimate) == (None, 0)


def test_a_newer_version_gets_its_own_rating(registry, say):
    say(2, "demo@1")
    _, result = say(5, "demo@2")
    assert (result.average_rating, result.rating_count) == (350, 2)
    assert (result.version_average_rating, result.version_rating_count) == (500, 1)
    assert [v.average_rating for v in show(registry, Reference("demo")).versions] == [500, 200]


def test_taking_a_rating_back(registry, say):
    say(1, user="eve@example.org")
    say(4, hours_saved=7)
    status, result = say(None)
    assert (status, result.rating, result.average_rating, result.rating_count) == (
        "removed",
        None,
        100,
        1,
    )
    assert show(registry, Reference("demo")).skill.hours_saved == 0
    with pytest.raises(NotFound, match="has not rated"):
        say(None)


@pytest.mark.parametrize(
    ("stars", "average"), [((5,), 500), ((1, 2), 150), ((5, 5, 4), 467), ((1, 1, 2), 133)]
)
def test_averages_are_rounded_half_up(say, stars, average):
    for number, given in enumerate(stars):
        _, result = say(given, user=f"u{number}@example.org")
    assert result.average_rating == average


def test_what_cannot_be_rated(registry, say, tmp_path):
    with pytest.raises(NotFound, match="no skill nothing"):
        say(5, "nothing")
    with pytest.raises(NotFound, match="no version 9"):
        say(5, "demo@9")
    publish(registry, [write_skill(tmp_path, "wip")], PublishOptions(draft=True))
    with pytest.raises(NotFound) as caught:
        say(5, "wip")
    assert "wip@1" in caught.value.hint
    assert say(5, "wip@1")[0] == "rated"
    version = show(registry, Reference("demo", 1)).version
    with registry.database.writing() as tx:
        append(tx, version, "yank", reason="old")
    assert say(5, "demo@1")[0] == "rated"
    with registry.database.writing() as tx:
        append(tx, version, "purge", reason="law")
    with pytest.raises(Conflict, match="purged"):
        say(4, "demo@1")
    assert list_ratings(registry, Reference("demo", 1), 9, None).items[0].rating == 5


def test_rating_in_an_absent_registry_makes_none(tmp_path):
    registry = make_registry(f"sqlite:///{tmp_path}/no/r.db", tmp_path, access="write")
    with pytest.raises(NotFound):
        rate(registry, Reference("demo"), Opinion(stars=5))
    registry.close()
    assert list(tmp_path.iterdir()) == []
