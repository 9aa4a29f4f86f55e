"""A registry of any size, written past the program in minutes: the same rows in each database.

Counters and words are what everyskill would have written for these rows. Hashes are made up, and
there are no objects: nothing that is measured on such a registry compares either.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from benchmarks.writers import DAYS, Writer, key_of, open_writer
from everyskill_cli.database.terms import tokens_of

VERSIONS, RATINGS, USES = 5, 10, 3  # of each skill
HOT = "the-hot-one"  # a fifth of all users rated it
TYPED = "zebrafish-karyotype"  # for whoever mistypes a name
BROAD, RARE, SCRIPT = "agents", "xylophonist", "検索できる"  # in every skill; in one; in one
CATEGORY = "sorting"
SAID, TOLD, NAMED = 60, 10, 2  # words of a text, of a description, of a slug
VOCABULARY = 40_000
USER, SKILL, VERSION, EVENT, RATING, USE = range(6)  # kinds of keys
STARS = tuple(f"stars_{number}" for number in range(1, 6))


class Sizes(NamedTuple):
    """How many rows there are."""

    skills: int

    @property
    def users(self) -> int:
        """People who rate and use; some of them publish."""
        return max(self.skills, 50)

    @property
    def hot(self) -> int:
        """Ratings of the hot skill."""
        return self.users // 5

    @property
    def ratings(self) -> int:
        """Of all skills together."""
        return self.hot + (self.skills - 1) * RATINGS

    def author(self, number: int) -> int:
        """Who published a skill: everybody who did has twenty."""
        return number // 20 * 10 % self.users

    def __str__(self) -> str:
        return (
            f"{self.skills:,} skills of {SAID + TOLD} words, {self.skills * VERSIONS:,} versions,"
            f" {self.ratings:,} ratings, {self.skills * USES:,} uses, {self.users:,} users"
        )


class Text(NamedTuple):
    """What a skill is found by."""

    slug: str
    name: str
    description: str
    tags: list[str]
    content: str


def fill(url: str, sizes: Sizes) -> float:
    """Fill an empty registry that has its schema, and give the seconds that it took."""
    started = time.perf_counter()

    def say(what: str) -> None:
        print(f"… {time.perf_counter() - started:5.0f} s: {what}", file=sys.stderr, flush=True)

    with open_writer(url) as writer:
        say(f"texts of {sizes}")
        _put_texts(writer, sizes)
        for name, statement in _statements(writer, sizes).items():
            say(name)
            writer.run(statement)
        say("indexes and guards")
        writer.finish()
        _check(writer, sizes)
        say("done")
    return time.perf_counter() - started


def texts(sizes: Sizes) -> Iterator[Text]:
    """Make the skills up: words as often as in life, one that all have, and one that one has."""
    chance = random.Random(11)
    syllables = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
    words = ["".join(chance.choices(syllables, k=3)) for _ in range(VOCABULARY)]
    weights = [1.0]
    for rank in range(2, VOCABULARY + 1):
        weights.append(weights[-1] + 1 / rank)
    special = {0: HOT, 1: TYPED}
    for number in range(sizes.skills):
        said = chance.choices(words, cum_weights=weights, k=SAID + TOLD + NAMED)
        slug = special.get(number, f"{said[0]}-{said[1]}-{number}")
        told, rest = said[NAMED : NAMED + TOLD], said[NAMED + TOLD :]
        if number == sizes.skills // 2:
            rest[:2] = [RARE, SCRIPT]
        yield Text(
            slug=slug,
            name=slug.replace("-", " ").title(),
            description=f"{' '.join(told)} for {BROAD}.",
            tags=[f"tag-{number % 7}", f"rare-{number % 1000}"],
            content=" ".join(rest),
        )


def _put_texts(writer: Writer, sizes: Sizes) -> None:
    """Write the texts into a table of their own, and their words where search reads them."""
    writer.run(
        "CREATE TEMPORARY TABLE made (i BIGINT PRIMARY KEY, slug TEXT, name TEXT, description TEXT,"
        " tags TEXT, content TEXT, author BIGINT)"
    )
    writer.put(
        "made",
        ("i", "slug", "name", "description", "tags", "content", "author"),
        (
            (i, t.slug, t.name, t.description, json.dumps(t.tags), t.content, sizes.author(i))
            for i, t in enumerate(texts(sizes))
        ),
    )
    writer.put_words(
        (
            key_of(SKILL, number),
            tokens_of(
                **text._asdict(), category=CATEGORY, author_id=key_of(USER, sizes.author(number))
            ),
        )
        for number, text in enumerate(texts(sizes))
    )


def _statements(writer: Writer, sizes: Sizes) -> dict[str, str]:
    """Write everything else in SQL: people, versions, what was said of them, and the sums."""
    user, skill = writer.key(USER, "author"), writer.key(SKILL, "i")
    ends = f"i * {VERSIONS} + {VERSIONS}"  # the number of a skill's newest version
    start = writer.at("0")
    sums = ", ".join(f"sum({name}) AS {name}" for name in STARS)
    joined = ", ".join(f"own.{name}" for name in STARS)
    created = writer.at("i * 86400 / 4000 + 3600")
    updated = writer.at(f"i * 86400 / 4000 + {VERSIONS} * 3600")
    return {
        "users": "INSERT INTO users (id, email, created_at, updated_at)"
        f" SELECT {writer.key(USER, 'i')}, 'user-' || i || '@example.org', {start}, {start}"
        f" FROM {writer.series(sizes.users, 'i')}",
        **_versions(writer, skill, user),
        "ratings": _ratings(writer, sizes),
        "ratings of the hot skill": _hot_ratings(writer, sizes),
        "uses": _uses(writer, sizes),
        "sums of versions": _sums(),
        "skills": "INSERT INTO skills (id, slug, name, description, category, tags, author_id,"
        f" latest_version, published_version_id, total_uses, {', '.join(STARS)}, hours_saved,"
        f" content, created_at, updated_at) SELECT {skill}, slug, name, description,"
        f" '{CATEGORY}', {writer.json('tags')}, {user}, {VERSIONS}, {writer.key(VERSION, ends)},"
        f" own.uses, {joined}, own.hours, content, {created}, {updated} FROM made JOIN"
        f" (SELECT skill_id, {sums}, sum(hours_saved) AS hours, sum(uses) AS uses"
        f" FROM version_state GROUP BY skill_id) AS own ON own.skill_id = {skill} ORDER BY i",
        "end of the texts": "DROP TABLE made",
    }


def _versions(writer: Writer, skill: str, user: str) -> dict[str, str]:
    """Every version was published an hour after the one before it."""
    number = f"(i * {VERSIONS} + v)"
    digest = writer.digest(number)
    when = writer.at("i * 86400 / 4000 + v * 3600")
    rows = f"made, {writer.series(VERSIONS + 1, 'v')} WHERE v > 0"
    return {
        "versions": "INSERT INTO skill_versions (id, skill_id, version, content_url, content_hash,"
        " content_type, size_bytes, name, description, files, metadata, details_hash, created_by,"
        f" created_at) SELECT {writer.key(VERSION, number)}, {skill}, v,"
        f" 'sha256/' || substr({digest}, 1, 2) || '/' || {digest}, {digest}, 'text/markdown', 700,"
        f" name, description, {writer.json(FILES)}, {writer.json(METADATA)}, {digest}, {user},"
        f" {when} FROM {rows}",
        "events": "INSERT INTO version_events (id, skill_id, seq, kind, version,"
        " published_version, actor_id, created_at, prev_hash, entry_hash)"
        f" SELECT {writer.key(EVENT, number)}, {skill}, v, 'publish', v, v, {user}, {when},"
        f" {digest}, {digest} FROM {rows}",
    }


FILES = "'[]'"
METADATA = "'{}'"
OPINION = (
    "INSERT INTO ratings (id, skill_id, skill_version_id, user_id, rating, comment,"
    " hours_saved_estimate, created_at, updated_at) SELECT {key}, {skill}, {version}, {user},"
    " 5 - (n * 7919) % 14 / 3, CASE n % 3 WHEN 0 THEN 'Said of it: ' || n END,"
    " CASE n % 4 WHEN 0 THEN n % 9 END, {when}, {when} FROM {rows}"
)


def _ratings(writer: Writer, sizes: Sizes) -> str:
    """Every skill but the hot one has ten, of its versions in turn, by ten people."""
    turn, skill = f"(n / {sizes.skills - 1})", f"(1 + n % {sizes.skills - 1})"
    amount = sizes.ratings - sizes.hot
    return OPINION.format(
        key=writer.key(RATING, "n"),
        skill=writer.key(SKILL, skill),
        version=writer.key(VERSION, f"({skill} * {VERSIONS} + 1 + {turn} % {VERSIONS})"),
        user=writer.key(USER, f"(({skill} * 31 + {turn}) % {sizes.users})"),
        when=writer.at(f"n * 86400 * {DAYS} / {amount}"),
        rows=writer.series(amount, "n"),
    )


def _hot_ratings(writer: Writer, sizes: Sizes) -> str:
    """The newest version of the first skill is rated by one of five."""
    return OPINION.format(
        key=writer.key(RATING, f"({sizes.ratings} + n)"),
        skill=writer.key(SKILL, "0"),
        version=writer.key(VERSION, str(VERSIONS)),
        user=writer.key(USER, "n"),
        when=writer.at(f"n * 86400 * {DAYS} / {sizes.hot}"),
        rows=writer.series(sizes.hot, "n"),
    )


def _uses(writer: Writer, sizes: Sizes) -> str:
    """Every skill's newest version was used three times."""
    skill, amount = f"(n % {sizes.skills})", sizes.skills * USES
    version = f"({skill} * {VERSIONS} + {VERSIONS})"
    return (
        "INSERT INTO usage_events (id, skill_id, skill_version_id, user_id, tool_name, metadata,"
        f" created_at) SELECT {writer.key(USE, 'n')}, {writer.key(SKILL, skill)},"
        f" {writer.key(VERSION, version)}, {writer.key(USER, f'(n * 13 % {sizes.users})')},"
        " CASE n % 5 WHEN 0 THEN 'install' ELSE 'claude-code' END,"
        f" {writer.json(METADATA)}, {writer.at(f'n * 86400 * {DAYS} / {amount}')}"
        f" FROM {writer.series(amount, 'n')}"
    )


def _sums() -> str:
    counted = ", ".join(
        f"sum(CASE rating WHEN {number} THEN 1 ELSE 0 END) AS {name}"
        for number, name in enumerate(STARS, 1)
    )
    found = ", ".join(f"coalesce(r.{name}, 0)" for name in STARS)
    return (
        f"INSERT INTO version_state (skill_version_id, skill_id, {', '.join(STARS)}, hours_saved,"
        f" uses) SELECT v.id, v.skill_id, {found}, coalesce(r.hours, 0), coalesce(u.uses, 0)"
        f" FROM skill_versions AS v LEFT JOIN (SELECT skill_version_id, {counted},"
        " sum(hours_saved_estimate) AS hours FROM ratings GROUP BY skill_version_id) AS r"
        " ON r.skill_version_id = v.id LEFT JOIN (SELECT skill_version_id, count(*) AS uses"
        " FROM usage_events GROUP BY skill_version_id) AS u ON u.skill_version_id = v.id"
    )


def _check(writer: Writer, sizes: Sizes) -> None:
    """Demand that the sums are what there is."""
    stars = " + ".join(f"sum({name})" for name in STARS)
    found = writer.row(
        f"SELECT count(*), {stars}, sum(latest_version), sum(total_uses) FROM skills"
    )
    wanted = (sizes.skills, sizes.ratings, sizes.skills * VERSIONS, sizes.skills * USES)
    if tuple(map(int, found)) != wanted:
        raise ValueError(f"The registry holds {found}, not {wanted}.")
