"""Search: what it finds, in which order, whatever somebody types, the same on both databases."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from benchmarks.plans import plans
from everyskill_cli.database import terms
from everyskill_cli.database.engine import Database
from everyskill_cli.database.faults import translated
from everyskill_cli.database.queries import skills as skill_queries
from everyskill_cli.database.queries.search import Bounds
from everyskill_cli.database.schema import upgrade
from everyskill_cli.errors import NotReady, UsageError
from everyskill_cli.model import Filters, SearchHit, SearchPage, SkillPage, SkillSummary, Sort
from everyskill_cli.registry import Registry
from everyskill_cli.registry.pages import list_skills
from everyskill_cli.registry.search import search
from everyskill_cli.registry.snippets import LENGTH, snippet
from tests.commands import Commands
from tests.figures import Count
from tests.registries import make_registry, write_skill
from tests.rows import add_rating, add_version
from tests.servers.postgres import PostgresServer
from tests.teams import Team
from tests.test_schema import migrations_until

ALL = Filters()
SORTED, WALKED, GIVEN_UP = Bounds(10**9, 0), Bounds(0, 10**9), Bounds(0, 2)
WAYS = (SORTED, WALKED, GIVEN_UP, Bounds())
WORDS = ("alpha", "alphabet", "beta", "gamma", "go", "c", "delta", "epsilon", "code", "review")
AUTHORS = ("ann@example.org", "bob@example.org")
DATABASES = ("sqlite", "postgresql")


def ask(registry: Registry, words: str, wanted: Filters = ALL, bounds: Bounds = SORTED) -> Any:
    """Give the slugs of the first page."""
    return [hit.slug for hit in search(registry, words, wanted, 1000, None, bounds).items]


def walk(read: Callable[..., Any], *asked: Any) -> list[Any]:
    """Follow ``next`` to the end."""
    items, after = [], None
    while True:
        page = read(after, *asked)
        items += page.items
        if page.next is None:
            return items
        after = page.next


# A registry of random skills, the same on both databases, and what a simple reader finds in it.


def fill(registry: Registry, amount: int = 40) -> None:
    """Write skills of few words, so that every question finds some."""
    chance = random.Random(7)
    with registry.database.writing() as tx:
        for number in range(amount):
            slug = "-".join([*chance.sample(WORDS, 2), str(number)])
            author = AUTHORS[number % 3 == 0]
            version = add_version(tx, slug, email=author)
            changes = {
                "tags": chance.sample(["one", "two", "three-four", "three"], number % 3),
                "category": chance.choice(["dev", "dev-ops", None]),
                "content": ", ".join(chance.choices(WORDS, k=number % 6)).title(),
            }
            skill_queries.change(tx, {version.skill_id: changes})
            for rater in range(number % 4):
                stars = chance.randint(1, 5)
                add_rating(tx, version, stars, f"rater{rater}@example.org")


def opened(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Registry:
    """An empty registry for a module's tests, on the database of the fixture's parameter."""
    folder = folders.mktemp("registry")
    url = f"sqlite:///{folder}/registry.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database()
    return make_registry(url, folder)


@pytest.fixture(scope="module", params=DATABASES)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    registry = opened(request, tmp_path_factory)
    fill(registry)
    yield registry
    registry.close()


def expected(registry: Registry, words: str, wanted: Filters) -> list[str]:
    """Find skills by reading all of them, by a rule of our own, and sort them by another."""
    with registry.database.reading() as tx:
        rows = tx.execute(
            text("SELECT k.*, email FROM skills k JOIN users u ON u.id = author_id")
        ).all()
    asked = words.lower().split()
    found = []
    for row in rows:
        tags = row.tags if isinstance(row.tags, list) else re.findall(r'"(.*?)"', row.tags)
        named = re.findall(r"\w+", f"{row.slug} {row.name}".lower())
        said = [
            *named,
            *re.findall(r"\w+", f"{row.description} {' '.join(tags)} {row.content}".lower()),
        ]
        if (
            not all(any(is_hit(word, each) for each in said) for word in asked)
            or not set(wanted.tags) <= set(tags)
            or wanted.category not in (None, row.category)
            or wanted.author not in (None, row.email)
            or (wanted.min_rating or 0) > (row.average_rating or 0)
        ):
            continue
        stars = [row.stars_1, row.stars_2, row.stars_3, row.stars_4, row.stars_5]
        given = sum(n * each for n, each in enumerate(stars, 1))
        score = (100 * (15 + given)) // (5 + sum(stars))
        score += 20 * len(str(row.total_uses)) if row.total_uses else 0
        by_name = all(any(is_hit(word, each) for each in named) for word in asked)
        found.append((not by_name, -score, row.slug))
    return [slug for *_, slug in sorted(found)]


def is_hit(asked: str, said: str) -> bool:
    return said.startswith(asked) if len(asked) > 2 else said == asked


QUESTIONS = ("alph", "go", "code review", "BETA gam", "epsilon delta alpha", "x")
FILTERS = (
    ALL,
    Filters(tags=("one",)),
    Filters(tags=("one", "two")),
    Filters(tags=("three",)),
    Filters(category="dev"),
    Filters(author="bob@example.org"),
    Filters(author="nobody@example.org"),
    Filters(min_rating=300),
    Filters(tags=("three-four",), category="dev-ops", author="ann@example.org", min_rating=150),
)


@pytest.mark.parametrize("wanted", FILTERS, ids=range(len(FILTERS)))
def test_every_way_finds_what_reading_everything_finds(
    filled: Registry, wanted: Filters, count: Count
) -> None:
    for words in QUESTIONS:
        right = expected(filled, words, wanted)
        for bounds in (SORTED, WALKED):
            assert ask(filled, words, wanted, bounds) == right, (words, bounds)
            count("search", questions=1, skills_found=len(right))


def test_the_random_skills_are_worth_asking_for(filled: Registry) -> None:
    """Every question but the last finds some and not all, and filters leave some of them."""
    sizes = [len(expected(filled, words, ALL)) for words in QUESTIONS]
    assert all(0 < size < 40 for size in sizes[:-2])
    assert sizes[-1] == 0
    left = [len(expected(filled, "alpha", wanted)) for wanted in FILTERS]
    assert left[6] == 0
    assert all(0 < size < left[0] for size in left[1:6])


@pytest.mark.parametrize(("size", "bounds"), [(1, WALKED), (3, SORTED), (4, GIVEN_UP)])
def test_pages_follow_each_other(filled: Registry, size: int, bounds: Bounds) -> None:
    """Whichever way each page is found: the ways may change between two pages."""
    for words, wanted in (("alpha", ALL), ("code", Filters(min_rating=200))):
        found = walk(
            lambda after, *asked: search(filled, *asked, size, after, bounds), words, wanted
        )
        assert [hit.slug for hit in found] == expected(filled, words, wanted)
    first = search(filled, "alpha", ALL, size, None, SORTED)
    rest = walk(lambda after: search(filled, "alpha", ALL, size, after or first.next, bounds))
    slugs = [hit.slug for hit in (*first.items, *rest)]
    assert slugs == expected(filled, "alpha", ALL)


@pytest.mark.parametrize("sort", ["updated", "created", "name", "rating", "uses"])
def test_lists_take_the_same_filters(filled: Registry, sort: Sort) -> None:
    whole = list_skills(filled, sort, 1000, None).items
    for wanted in FILTERS:
        right = [item.slug for item in whole if is_wanted(item, wanted)]
        for few, size in ((0, 40), (1000, 9)):
            paged = walk(
                lambda after, n, *asked: list_skills(filled, sort, n, after, *asked),
                size,
                wanted,
                few,
            )
            assert [item.slug for item in paged] == right


def is_wanted(item: SkillSummary, wanted: Filters) -> bool:
    return (
        set(wanted.tags) <= set(item.tags)
        and wanted.category in (None, item.category)
        and wanted.author in (None, item.author)
        and (wanted.min_rating or 0) <= (item.average_rating or 0)
    )


# What somebody may type.

HOSTILE = (
    '"',
    '""',
    "'",
    "' OR 1=1 --",
    '" OR words MATCH "',
    "alpha*",
    "^alpha",
    "words: alpha",
    "{words} : alpha",
    "NEAR(alpha beta, 3)",
    "alpha NOT beta",
    "alpha AND OR",
    "(alpha",
    "alpha)",
    "-alpha",
    "+alpha",
    "alp%",
    "alph_",
    "%",
    "_",
    "%%alpha",
    "a & b | !c",
    "'alpha':*",
    "alpha <-> beta",
    "\\",
    "\\'alpha",
    "alpha\\",
    "=alpha",
    "#one",
    "/dev",
    "@ann",
    "~_al",
    "$$",
    ":alpha",
    "?",
    "alpha\x00beta",
    "\ud800",
    "alpha\ud800",
    "%s %(x)s {0}",
    "a" * 2000,
    "\uff41\uff4c\uff50\uff48\uff41",
    "\u202ealpha",
    "\U000e0041",
    "🚀 alpha",
)
# Every letter that has a small or a capital form, of any script.
CASED = [each for each in map(chr, range(0x80, 0x110000)) if each.lower() != each.upper()]
# Where both databases know the same signs; beyond, whether there is one may be each one's own.
LETTERS = st.one_of(
    st.sampled_from(CASED),
    st.characters(min_codepoint=1, max_codepoint=0x24F),
    st.characters(min_codepoint=0x300, max_codepoint=0x52F, exclude_categories=["Cn"]),
    st.characters(min_codepoint=0x900, max_codepoint=0x97F, exclude_categories=["Cn"]),
    st.characters(min_codepoint=0xE00, max_codepoint=0xE5B, exclude_categories=["Cn"]),
    st.characters(min_codepoint=0x2000, max_codepoint=0x2BFF, exclude_categories=["Cn"]),
    st.characters(min_codepoint=0x3000, max_codepoint=0x30FF, exclude_categories=["Cn"]),
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF, exclude_categories=["Cn"]),
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    st.characters(min_codepoint=0xFF01, max_codepoint=0xFFEE, exclude_categories=["Cn"]),
    st.sampled_from(["\U0001f680", "\U00020000", "\ufeff", "\ue000", "ﷺ", "ﬁ"]),
)
TYPED = st.one_of(
    st.text(max_size=20),
    st.text(alphabet=LETTERS, max_size=20),
    st.lists(st.sampled_from([*HOSTILE, *WORDS, "NEAR", "AND", "*"]), max_size=4).map(" ".join),
)


def test_signs_are_no_commands(filled: Registry) -> None:
    """A question with them is the question without them, or has no word at all."""
    for number, words in enumerate(HOSTILE):
        plain = " ".join(terms.split(words))
        if not plain:
            with pytest.raises(UsageError, match="no word"):
                search(filled, words, ALL, 5, None)
            continue
        found = ask(filled, words, ALL, WAYS[number % len(WAYS)])
        assert found == ask(filled, plain, ALL, SORTED), words
        if plain.isascii() and len(plain) < 64:
            assert found == expected(filled, plain, ALL), words


@settings(max_examples=25)
@given(words=TYPED)
def test_any_text_is_answered_or_refused(filled: Registry, words: str) -> None:
    try:
        page = search(filled, words, ALL, 5, None, SORTED)
    except UsageError:
        return
    assert page == search(filled, words, ALL, 5, None, WALKED)
    for hit in page.items:
        assert all(0 <= mark.start < mark.end <= len(hit.snippet) for mark in hit.marks)


def test_a_place_that_no_page_gave(filled: Registry) -> None:
    for token in ("", "x", "1/2", "3/300/a", "1/300/", "1/300/A", "1/-3/a", "2/9/ä", "1/9999999/a"):
        with pytest.raises(UsageError, match="is not the place"):
            search(filled, "alpha", ALL, 5, token)


def test_too_many_words_are_refused(filled: Registry) -> None:
    with pytest.raises(UsageError, match="51 words are too many"):
        search(filled, " ".join(f"w{n}" for n in range(51)), ALL, 5, None)
    assert ask(filled, "alpha " * 400) == ask(filled, "alpha")


@settings(max_examples=100)
@given(said=st.text(alphabet=LETTERS))
def test_both_databases_take_a_text_apart_alike(words_there: psycopg.Connection, said: str) -> None:
    said = said.replace("\0", "")
    row = words_there.execute("SELECT everyskill_words(%s)", (said,)).fetchone()
    assert row is not None
    assert set(row[0]) == terms.words_of(said)


def test_both_databases_know_the_small_form_of_every_letter(
    words_there: psycopg.Connection, count: Count
) -> None:
    """Whatever the locale in which a server reads the text."""
    said = " ".join(f"{letter}{letter}x" for letter in CASED)
    asked = "SELECT collname FROM pg_collation WHERE collname = ANY(%s)"
    wanted = ["C", "C.utf8", "pg_c_utf8", "ucs_basic", "tr-x-icu", "tr_TR.utf8", "default"]
    names = [row[0] for row in words_there.execute(asked, (wanted,))]
    assert {"C", "default"} <= set(names)
    here = terms.words_of(said)
    for name in names:
        own = psycopg.sql.SQL("SELECT everyskill_words(%s COLLATE {})")
        row = words_there.execute(own.format(psycopg.sql.Identifier(name)), (said,)).fetchone()
        assert row is not None
        assert set(row[0]) == here, name
    assert len(CASED) > 2_700
    assert all(word == terms.fold(word.upper()) for word in map(terms.fold, "აᏣꭰϣ𐐨ⰰ"))
    count("letters", cased=len(CASED), locales=len(names))


@pytest.fixture(scope="module")
def words_there(postgres_server: PostgresServer) -> Iterator[psycopg.Connection]:
    url = postgres_server.create_database()
    with Database(url) as database:
        upgrade(database)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_a_whole_row_has_the_same_tokens_on_both(words_there: psycopg.Connection) -> None:
    row: dict[str, Any] = {
        "slug": "code-review-2",
        "name": "Code-Prüfung 検索",
        "description": "It's ΟΔΟΣ and Ёлка; don't.",
        "category": "dev",
        "author_id": "5a1d7c22-8a3e",
        "content": f"---\nx: {'y' * 70}\n---\n日本語で検索するpython入門。" * 3,
    }
    asked = "SELECT everyskill_tokens(%s, %s, %s, %s, %s, %s, %s)"
    for category, tags in (("dev", ["a-b", "c"]), (None, []), ("No Slug", ["No Slug", "d"])):
        given = {**row, "category": category}
        values = [given[name] for name in ("slug", "name", "description", "category")]
        json = psycopg.types.json.Jsonb(tags)
        found = words_there.execute(asked, (*values, json, row["author_id"], row["content"]))
        [[there]] = found.fetchall()
        here = terms.tokens_of(**{**given, "category": category or "", "tags": tags})
        assert set(there) == here
        assert ("#a-b" in here, "/dev" in here) == ("a-b" in tags, category == "dev")


# What is found follows what is published.


@pytest.fixture
def registry(database_url: str, tmp_path: Path) -> Iterator[Registry]:
    opened = make_registry(database_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def cli(
    registry: Registry,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Commands:
    """The command line in the registry."""
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", database_url)
    monkeypatch.setenv("EVERYSKILL_STORE_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    return Commands(capsys)


def test_words_follow_every_event(registry: Registry, cli: Commands, tmp_path: Path) -> None:
    def publish(body: str, *options: str) -> None:
        folder = write_skill(tmp_path, body=body)
        assert cli("publish", folder, *options).code == 0

    def found(*words: str) -> list[bool]:
        return ["demo" in ask(registry, word) for word in words]

    publish("First wording.", "--tag", "old")
    assert found("first", "second", "old", "demo") == [True, False, True, True]
    publish("Second wording.", "--tag", "new")
    assert found("first", "second", "old", "new") == [False, True, False, True]
    publish("Third wording.", "--draft")
    assert found("second", "third") == [True, False]
    assert cli("promote", "demo@3").code == 0
    assert found("second", "third") == [False, True]
    assert cli("rollback", "demo").code == 0
    assert found("second", "third") == [True, False]
    assert cli("yank", "demo@2", "--reason", "wrong", "-y").code == 0
    assert found("first", "second", "third") == [True, False, False]
    assert cli("purge", "demo@1", "--reason", "a key", "-y").code == 0
    assert found("first", "second", "third", "demo") == [False, False, False, True]
    assert cli("purge", "demo", "--everything", "--reason", "all", "-y").code == 0
    assert found("demo", "wording", "new") == [False, False, False]
    assert counted(registry) == 0


def counted(registry: Registry) -> int:
    table = "skill_words" if registry.database.dialect == "sqlite" else "skill_search"
    with registry.database.reading() as tx:
        return int(tx.scalar(text(f"SELECT count(*) FROM {table}")))


def test_a_rating_writes_no_words(registry: Registry) -> None:
    with registry.database.writing() as tx:
        version = add_version(tx)
    is_sqlite = registry.database.dialect == "sqlite"
    table = "skill_words_data" if is_sqlite else "skill_search"
    look = text(f"SELECT {'id, block' if is_sqlite else 'xmin, words'} FROM {table}")
    with registry.database.reading() as tx:
        before = tx.execute(look).all()
    with registry.database.writing() as tx:
        add_rating(tx, version, 5, "bob@example.org")
    with registry.database.reading() as tx:
        assert tx.execute(look).all() == before
    [hit] = search(registry, "demo", ALL, 5, None).items
    assert (hit.score, hit.average_rating, hit.matched) == (333, 500, "name")


def test_the_score_is_the_one_that_is_documented(registry: Registry) -> None:
    def score_of(stars: dict[int, int], uses: int) -> int:
        columns = ", ".join(f"stars_{n} = {stars.get(n, 0)}" for n in range(1, 6))
        with registry.database.writing() as tx:
            if registry.database.dialect == "postgresql":
                tx.execute(text("SET LOCAL session_replication_role = replica"))
            tx.execute(text(f"UPDATE skills SET {columns}, total_uses = {uses}"))
        return search(registry, "demo", ALL, 1, None).items[0].score

    with registry.database.writing() as tx:
        add_version(tx)
    assert score_of({}, 0) == 300
    assert score_of({5: 1}, 0) == 333
    assert score_of({4: 10, 5: 10}, 0) == 420
    assert score_of({1: 3}, 0) == 225
    assert score_of({}, 10) == 340
    assert score_of({}, 1000) == 380
    assert score_of({5: 10**12}, 10**15) == 499 + 20 * 16


@pytest.mark.parametrize("release", ["0001", "0002"])
def test_an_upgrade_finds_what_was_there(database_url: str, tmp_path: Path, release: str) -> None:
    with Database(database_url) as database:
        upgrade(database, migrations_until(tmp_path, release))
        with database.writing() as tx:
            add_version(tx, "old-skill")
        upgrade(database)
    registry = make_registry(database_url, tmp_path)
    with registry.database.writing() as tx:
        add_version(tx, "new-skill")
    assert ask(registry, "skill") == ["new-skill", "old-skill"]
    assert ask(registry, "old", Filters(tags=("one", "two"))) == ["old-skill"]
    registry.close()


def test_an_older_file_is_listed_with_filters_and_not_searched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/r.db"
    with Database(url) as database:
        upgrade(database, migrations_until(tmp_path, "0002"))
        with database.writing() as tx:
            add_version(tx)
    registry = make_registry(url, tmp_path, access="read")
    assert len(list_skills(registry, "name", 5, None, Filters(tags=("one",))).items) == 1
    assert list_skills(registry, "name", 5, None, Filters(tags=("three",))).items == ()
    with pytest.raises(NotReady, match="before there was a search") as caught:
        search(registry, "demo", ALL, 5, None)
    assert "everyskill upgrade" in caught.value.hint
    registry.close()


def test_an_absent_registry_is_an_empty_one(tmp_path: Path) -> None:
    registry = make_registry(f"sqlite:///{tmp_path}/no/r.db", tmp_path, access="read")
    assert search(registry, "demo", ALL, 5, None) == SearchPage(items=(), next=None)
    assert list_skills(registry, "name", 5, None, Filters(tags=("one",))).items == ()
    registry.close()
    assert list(tmp_path.iterdir()) == []


def test_rows_that_somebody_changed_by_hand_are_found_in_a_file(tmp_path: Path) -> None:
    """Another program has no way to write the words; the next command of ours does."""
    registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path)
    with registry.database.writing() as tx:
        add_version(tx)
        add_version(tx, "other")
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE skills SET content = 'By hand' WHERE slug = 'demo'")
        odd = "tags = '[1, \"one\", \"No Slug\"]', content = x'ff6f646400'"
        connection.execute(f"UPDATE skills SET {odd} WHERE slug = 'other'")
        connection.commit()
        connection.execute("VACUUM")
    assert ask(registry, "hand") == ["demo"]
    assert ask(registry, "odd") == ["other"]
    assert ask(registry, "name", Filters(tags=("one",))) == ["demo", "other"]
    registry.close()


def by_hand(file: Path, change: str) -> None:
    """Change rows with another program, which minds no check."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE skills SET {change}")
        connection.commit()


def test_a_list_reads_the_rows_where_words_are_stale(tmp_path: Path) -> None:
    registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path)
    with registry.database.writing() as tx:
        add_version(tx)
        add_version(tx, "other")
    by_hand(tmp_path / "r.db", "tags = '[\"new\"]', category = 'old' WHERE slug = 'demo'")
    for wanted, slugs in (
        (Filters(tags=("new",)), ["demo"]),
        (Filters(category="old"), ["demo"]),
        (Filters(tags=("one",)), ["other"]),
    ):
        for few in (0, 1000):
            page = list_skills(registry, "name", 5, None, wanted, few)
            assert [item.slug for item in page.items] == slugs, wanted
    registry.close()


def test_words_that_cannot_be_written_now_are_said_to_be_old(lone_file: Path) -> None:
    """Somebody else writes: whoever only reads waits for nobody, and is told what that means."""
    file = lone_file
    registry = make_registry(f"sqlite:///{file}", file.parent, access="read")
    by_hand(file, "content = 'Needle'")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        page = search(registry, "needle", ALL, 5, None)
        assert time.monotonic() - begun < 10
        assert page.items == ()
        assert [warning.rule for warning in page.warnings] == ["stale-words"]
        assert [hit.slug for hit in search(registry, "demo", ALL, 5, None).items] == ["demo"]
        other.execute("ROLLBACK")
    page = search(registry, "needle", ALL, 5, None)
    assert ([hit.slug for hit in page.items], page.warnings) == (["demo"], ())
    registry.close()


@pytest.fixture
def lone_file(tmp_path: Path) -> Path:
    """The file of a registry with one skill."""
    registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path)
    with registry.database.writing() as tx:
        add_version(tx)
    registry.close()
    return tmp_path / "r.db"


def test_a_file_that_may_only_be_read_is_searched(tmp_path: Path) -> None:
    registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path)
    with registry.database.writing() as tx:
        add_version(tx)
    registry.close()
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("everyskill_cli.database.file.os.access", lambda *_: False)
        registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path, access="read")
        assert registry.database.is_read_only
        for bounds in WAYS:
            assert ask(registry, "demo", ALL, bounds) == ["demo"]
        assert search(registry, "demo", ALL, 5, None).warnings == ()
        registry.close()
        by_hand(tmp_path / "r.db", "content = 'Needle'")
        registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path, access="read")
        page = search(registry, "demo", ALL, 5, None)
        assert [hit.slug for hit in page.items] == ["demo"]
        assert [warning.rule for warning in page.warnings] == ["stale-words"]
        assert ask(registry, "needle") == []
        registry.close()


@pytest.mark.parametrize(
    "change",
    [
        "stars_1 = -5",  # as many as would divide by 0
        "stars_1 = -6",
        "stars_5 = 9223372036854775807",
        "stars_1 = 9223372036854775807, stars_2 = -9223372036854775807",
        "stars_3 = 1.5",
        "stars_3 = 'many'",
        "total_uses = 9223372036854775807",
        "total_uses = 1e300",
        "total_uses = printf('%2000s', 'x')",
    ],
)
def test_a_spoilt_counter_keeps_no_other_skill_from_being_found(
    tmp_path: Path, change: str, count: Count
) -> None:
    """Each page says what it shows, or of which skill it cannot; and where the next begins."""
    registry = make_registry(f"sqlite:///{tmp_path}/r.db", tmp_path)
    with registry.database.writing() as tx:
        for slug in ("code-a", "code-b", "code-c"):
            add_version(tx, slug)
    by_hand(tmp_path / "r.db", f"{change} WHERE slug = 'code-b'")
    for bounds in WAYS:
        told, after = [], None
        for _ in range(3):
            page = search(registry, "code", ALL, 1, after, bounds)
            told += [hit.slug for hit in page.items]
            told += [warning.message.split()[0] for warning in page.warnings]
            after = page.next
        assert after is None
        assert sorted(told) == ["code-a", "code-b", "code-c"]
        whole = search(registry, "code", ALL, 3, None, bounds)
        assert {"code-a", "code-c"} <= {hit.slug for hit in whole.items}
        if change.startswith("stars"):  # it counts as nobody's rating
            assert told == ["code-a", "code-b", "code-c"]
    count("spoilt counters", changes=1)
    registry.close()


# How much is read.


def test_pages_are_read_along_the_index_of_places(registry: Registry) -> None:
    is_sqlite = registry.database.dialect == "sqlite"
    with registry.database.writing() as tx:
        for number in range(5):
            add_version(tx, f"code-{number}")
    if not is_sqlite:
        with registry.database.reading() as tx:  # so few rows are not worth an index there
            tx.execute(text("SET enable_seqscan = off"))
            tx.execute(text("SET enable_sort = off"))
    for after in (None, "1/300/code-1"):
        read = plans(registry, "", lambda at=after: search(registry, "code", ALL, 2, at, WALKED))
        assert ("SCAN skills USING INDEX ix_skills_place" in read) is (is_sqlite and after is None)
        assert "ix_skills_place" in read
        assert not re.search("(TEMP B-TREE FOR|^Sort)", read, re.M)
        if after is not None:
            seek = r"SEARCH skills USING INDEX ix_skills_place|Index Cond: \(ROW\(\(0 - "
            assert re.search(seek, read)


def test_a_list_of_the_best_rated_reads_them_alone(registry: Registry) -> None:
    """Also where very many skills have the tag that is asked for, and few the stars."""
    with registry.database.writing() as tx:
        for number in range(8):
            version = add_version(tx, f"code-{number}")
            if number > 5:
                add_rating(tx, version, number - 2, "rater@example.org")
    found: list[SkillPage] = []
    wanted = Filters(tags=("one",), min_rating=450)
    read = plans(
        registry, "", lambda: found.append(list_skills(registry, "updated", 5, None, wanted, 3))
    )
    assert [item.slug for item in found[0].items] == ["code-7"]
    if registry.database.dialect == "sqlite":  # PostgreSQL guesses, and reads so few otherwise
        assert "SEARCH skills USING INDEX ix_skills_rating" in read
        assert "ix_skills_updated" not in read


def test_a_text_of_very_many_words_is_published(registry: Registry) -> None:
    """More than PostgreSQL keeps of one row: it is found by its name all the same."""
    signs = "\U0001d15e \ufb2c"  # each becomes more when it is normalized
    content = " ".join(f"{number:x}{signs}" for number in range(16_000))
    assert len(content.encode()) < 262_144
    with registry.database.writing() as tx:
        version = add_version(tx)
        skill_queries.change(tx, {version.skill_id: {"content": content}})
    assert ask(registry, "demo") == ["demo"]
    assert ask(registry, "3e7f") in ([], ["demo"])


def test_a_python_without_full_text_search_is_said() -> None:
    with pytest.raises(NotReady, match="no full-text search") as caught, translated("here"):
        raise sqlite3.OperationalError("no such module: fts5")
    assert "PostgreSQL" in caught.value.hint


def test_scripts_without_spaces_are_found_anywhere(registry: Registry) -> None:
    with registry.database.writing() as tx:
        for slug, content in (
            ("nihongo", "日本語で検索するPython入門。"),
            ("thai", "ภาษาไทยง่าย"),
            ("hangul", "한국어 검색은 쉽다"),
            ("hindi", "हिन्दी में खोज"),
            ("arabic", "البحث في النصوص"),
            ("russian", "Поиск текста Ёлка"),
            ("georgian", "ᲐᲑᲒ ᲫᲘᲔᲑᲐ"),
        ):
            version = add_version(tx, slug)
            skill_queries.change(tx, {version.skill_id: {"content": content}})
    for words, slug in (
        ("検索", "nihongo"),
        ("語", "nihongo"),
        ("検索するpython", "nihongo"),
        ("入門", "nihongo"),
        ("ไทย", "thai"),
        ("검색", "hangul"),
        ("हिन्दी", "hindi"),
        ("البحث", "arabic"),
        ("ПОИСК", "russian"),
        ("елка", "russian"),
        ("ძიებ", "georgian"),
        ("ᲐᲑᲒ", "georgian"),
    ):
        for bounds in WAYS:
            assert ask(registry, words, ALL, bounds) == [slug], words
    assert ask(registry, "索検") == []
    assert ask(registry, "色は") == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("code-revew", ["code-review"]),
        ("coed review", ["code-review", "sql-review"]),
        ("revieww", ["code-review", "sql-review"]),
        ("comit mesage", ["commit-message"]),
        ("Kubernets", ["kubernetes"]),
        ("code-review zzz", ["code-review", "sql-review"]),
        ("qqqq", []),
        ("検索", []),
    ],
)
def test_a_mistyped_name(named: Registry, typed: str, meant: list[str]) -> None:
    page = search(named, typed, ALL, 5, None)
    assert page.items == ()
    assert list(page.suggestions) == meant  # the nearest first
    assert search(named, typed, ALL, 5, "1/300/a").suggestions == ()


def test_a_filter_that_leaves_nothing_is_no_mistyped_name(named: Registry) -> None:
    page = search(named, "review", Filters(tags=("nothing",)), 5, None)
    assert page == SearchPage(items=(), next=None)
    page = search(named, "revieww", Filters(tags=("nothing",)), 5, None)
    assert sorted(page.suggestions) == ["code-review", "sql-review"]


@pytest.fixture(scope="module", params=DATABASES)
def named(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    registry = opened(request, tmp_path_factory)
    with registry.database.writing() as tx:
        for slug in ("code-review", "sql-review", "commit-message", "kubernetes", "release-notes"):
            add_version(tx, slug)
    yield registry
    registry.close()


def test_groups_of_characters_that_everybody_has(named: Registry) -> None:
    """Where each finds too much, two of them together are looked up."""
    from everyskill_cli.database.queries.search import near

    with named.database.reading() as tx:
        assert set(near(tx, "revieww", most=1)) == {"code-review", "sql-review"}
        assert near(tx, "qqqq", most=1) == []


# Who may.


def test_a_reader_searches_and_nobody_but_the_owner_writes_words(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    team = Team(postgres_server)
    try:
        registry = make_reading(team.url("reader"), tmp_path)
        assert ask(registry, "demo") == ["demo"]
        assert ask(registry, "demo", ALL, WALKED) == ["demo"]
        registry.close()
        for login in ("reader", "rater", "publisher"):
            for statement in (
                "UPDATE skill_search SET words = ''",
                "DELETE FROM skill_search",
                "INSERT INTO skill_search SELECT skill_id, words FROM skill_search",
                "TRUNCATE skill_search",
            ):
                assert team.attempt(login, [statement])[0] == "42501"
    finally:
        team.close()


def make_reading(url: str, folder: Path) -> Registry:
    from everyskill_cli.settings import load

    return Registry(load({"database_url": url, "store_url": f"file://{folder}/store"}), "read")


def test_whoever_read_skills_before_an_upgrade_searches_after_it(
    postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with Database(postgres_url) as database:
        upgrade(database, migrations_until(tmp_path, "0002"))
        with database.writing() as tx:
            tx.execute(text("CREATE ROLE reads_before NOLOGIN"))
            tx.execute(text("GRANT SELECT ON skills TO reads_before"))
        try:
            upgrade(database)
            with database.reading() as tx:
                for right in ("SELECT", "INSERT", "UPDATE"):
                    asked = f"SELECT has_table_privilege('reads_before', 'skill_search', '{right}')"
                    assert tx.scalar(text(asked)) is (right == "SELECT")
        finally:
            with database.writing() as tx:
                tx.execute(text("DROP OWNED BY reads_before"))
                tx.execute(text("DROP ROLE reads_before"))


# Snippets.


def cut(words: str, description: str, content: str = "") -> tuple[str, list[str]]:
    line, marks = snippet(terms.terms_of(words), description, content)
    return line, [line[mark.start : mark.end] for mark in marks]


def test_a_snippet_shows_the_hit() -> None:
    assert cut("review", "Reviews code.\nIt re-reviews.") == (
        "Reviews code. It re-reviews.",
        ["Reviews", "reviews"],
    )
    assert cut("go", "good go, GO! ago") == ("good go, GO! ago", ["go", "GO"])
    text_of = "---\nname: x\ndescription: needle\n---\n# Title\n\nSome   needles here.\n"
    assert cut("needle", "Nothing.", text_of) == ("# Title Some needles here.", ["needles"])
    assert cut("absent", "Nothing.", text_of) == ("Nothing.", [])
    assert cut("strasse uber", "Straße, Über allem")[1] == ["Über"]
    assert cut("istanbul", "İstanbul İ istanbul")[1] == ["İstanbul", "istanbul"]
    assert cut("検索", "日本語で検索する。検索")[1] == ["検索", "検索"]
    assert cut("e", "e\u0301 é x")[1] == ["e\u0301", "é"]
    assert cut("search tool go", "検索toolkit入門go。tools")[1] == ["toolkit", "go", "tools"]
    assert cut("tool 入門", "検索tool入門 atool検索")[1] == ["tool", "入門"]
    assert cut("a.b (c", "a.b(c a+b [c")[1] == ["a", "b", "c", "a", "b", "c"]


def test_a_snippet_is_short_and_has_the_hit_in_it() -> None:
    line, hits = cut("needle", "word " * 500 + "needle " + "word " * 500)
    assert hits == ["needle"]
    assert line.startswith("…word ")
    assert line.endswith(" word…")
    assert LENGTH - 40 < len(line) <= LENGTH + 2
    line, hits = cut("needle", "x" * 5000 + " needle" + "y" * 5000)
    assert hits == ["needle" + "y" * (len(hits[0]) - 6)]
    assert len(line) <= LENGTH + 2
    assert cut("zzz", "word " * 500)[0].endswith(" word…")
    assert cut("zzz", "") == ("", [])


@settings(max_examples=100)
@given(st.text(alphabet=LETTERS, min_size=1), st.text(alphabet=LETTERS), st.text(max_size=5))
def test_marks_are_in_the_snippet_and_in_order(first: str, second: str, words: str) -> None:
    asked = terms.terms_of(f"{words} {first[:5]}")
    if not asked:
        return
    line, marks = snippet(asked, f"{second} {first} {second}", first * 20)
    ends = [place for mark in marks for place in (mark.start, mark.end)]
    assert ends == sorted(ends)
    assert "\n" not in line
    for mark in marks:
        assert 0 <= mark.start < mark.end <= len(line)


# What people see.


def test_what_a_terminal_a_pipe_and_a_program_get(cli: Commands, tmp_path: Path) -> None:
    body = "Finds the needle.\x1b[31m"
    assert cli("publish", write_skill(tmp_path, "needle-work", body), "--tag", "sewing").code == 0
    assert cli("publish", write_skill(tmp_path, "other", "A needle."), "--category", "x").code == 0
    found = cli("search", "needle")
    assert (found.code, found.stderr) == (0, "")
    rows = [line.split("\t") for line in found.stdout.splitlines()]
    assert [row[0] for row in rows] == ["needle-work", "other"]
    assert [row[-1] for row in rows] == [
        "What needle-work does. Use it in tests.",
        "# other A needle.",
    ]
    shown = cli("search", "needle", env={"FORCE_COLOR": "1", "COLUMNS": "100"}).stdout
    assert "\x1b[1mneedle\x1b[0m" in shown
    answer = cli("search", "needle", "--json", "-n", "1").json
    [item] = answer["items"]
    assert item["slug"] == "needle-work"
    assert (item["matched"], item["score"], item["tags"]) == ("name", 300, ["sewing"])
    assert item["marks"] == [{"start": 5, "end": 11}]
    rest = cli("search", "needle", "--json", "--after", answer["next"]).json
    assert [item["slug"] for item in rest["items"]] == ["other"]
    assert (rest["next"], rest["suggestions"]) == (None, [])
    more = cli("search", "needle", "-n", "1")
    assert more.stderr == "more: the same command with --after=1/300/needle-work\n"
    filtered = cli("search", "needle", "--tag", "sewing", "--author", "ANN@example.org")
    assert [line.split("\t")[0] for line in filtered.stdout.splitlines()] == ["needle-work"]
    listed = cli("list", "--category", "x")
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ["other"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_hit_that_cannot_be_shown_is_said(cli: Commands, tmp_path: Path) -> None:
    for slug in ("code-a", "code-b"):
        assert cli("publish", write_skill(tmp_path, slug)).code == 0
    [file] = tmp_path.glob("*.db")
    by_hand(file, "hours_saved = 'many' WHERE slug = 'code-a'")
    said = (
        "warning: code-a is found and not shown, because its row holds what everyskill never wrote."
    )
    done = cli("search", "code-a")
    assert (done.code, done.stdout, done.stderr) == (0, "", f"{said}\n")
    done = cli("search", "code", "-n", "1")
    more = "more: the same command with --after=1/300/code-a"
    assert (done.code, done.stdout, done.stderr) == (0, "", f"{said}\n{more}\n")
    done = cli("search", "code")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["code-b"]


def test_what_is_not_found_is_said(cli: Commands, tmp_path: Path) -> None:
    assert cli("publish", write_skill(tmp_path, "code-review")).code == 0
    listed = cli("list", "--tag", "nobodys")
    assert (listed.code, listed.stdout) == (0, "")
    assert listed.stderr.startswith("No skill has all that.\nhint: Ask for less")
    done = cli("search", "code-revew")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == "No skill is found.\nhint: Did you mean: code-review\n"
    done = cli("search", "zzzz")
    assert done.stderr == "No skill is found.\nhint: Fewer words, or other ones, find more.\n"
    for command in (
        ["list", "--sort", "uses", "--after", "0/aaa"],
        ["list", "--tag", "one", "--sort", "name", "--after", "z/z"],
        ["search", "review", "--after", "1/300/z"],
        ["versions", "code-review", "--after", "1"],
        ["ratings", "code-review", "--after", "2020-01-01T00:00:00.000Z/x"],
    ):
        done = cli(*command)
        assert (done.code, done.stdout) == (0, "")
        assert done.stderr.startswith("There are no more.\nhint: The first page is the same")
    done = cli("search", "code-revew", "--json")
    assert done.json == {"items": [], "next": None, "suggestions": ["code-review"], "warnings": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search"], "Missing argument 'WORDS...'"),
        (["search", "..."], "There is no word in '...' to search for."),
        (["search", "x", "--tag", "No Slug"], "'No Slug' is not 1-64 of a-z"),
        (["search", "x", "--category", ""], "'' is not 1-64 of a-z"),
        (["search", "x", "--min-rating", "6"], "'6' is not a number of stars"),
        (["search", "x", "--min-rating", "4.567"], "'4.567' is not a number of stars"),
        (["search", "x", "--after", "y"], "'y' is not the place"),
        (["list", "--min-rating", "0.5"], "'0.5' is not a number of stars"),
        (["list", "--installed", "--tag", "x"], "--installed and --tag exclude each other."),
        (
            ["list", "--installed", "--min-rating", "4"],
            "--installed and --min-rating exclude each other.",
        ),
    ],
)
def test_what_cannot_be_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Commands(capsys)(*words)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_snippet_reaches_no_terminal_unfiltered(capsys: pytest.CaptureFixture[str]) -> None:
    from everyskill_cli.cli import render
    from everyskill_cli.model import Mark
    from tests.samples import filled as sample

    evil = "a\x1b]0;x\x07\u202eneedle\x9b2J"
    hit = replace(sample(SearchHit, "x", empty=True), snippet=evil, marks=(Mark(2, 12),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORCE_COLOR", "1")
        render.answer(SearchPage(items=(hit,), next=None), as_json=False)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
