"""`admin grants`, and every command by the logins that it makes: who may, who may not, and why."""

from __future__ import annotations

import hashlib
import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from everyskill_cli.database.engine import Database
from everyskill_cli.database.guards import differences
from everyskill_cli.database.membership import identifier, literal
from everyskill_cli.database.rights import standing
from tests.audit import audit_records
from tests.commands import (
    PROGRAM,
    Commands,
    as_ordinary_user,
    assert_failed,
    assert_json_failure,
    tree,
)
from tests.conftest import Finished
from tests.figures import Count
from tests.registries import write_skill
from tests.servers.postgres import PostgresServer
from tests.servers.process import program
from tests.teams import PASSWORD, Team

EMAILS = {"rater": "rater@example.org", "publisher": "publisher@example.org"}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


@pytest.fixture(scope="module")
def team(postgres_server: PostgresServer) -> Iterator[Team]:
    made = Team(postgres_server)
    yield made
    made.close()


@pytest.fixture
def own(postgres_server: PostgresServer) -> Iterator[Team]:
    """A team of the test's own, to change who may do what."""
    made = Team(postgres_server)
    yield made
    made.close()


@pytest.fixture
def as_login(team: Team, tmp_path: Path, cli: Commands) -> Logins:
    return Logins(team, tmp_path, cli)


class Logins:
    """The command line as one of a team's logins: `as_login("rater", "show", "demo")`."""

    def __init__(self, team: Team, folder: Path, cli: Commands) -> None:
        self.team, self.folder, self._cli = team, folder, cli
        team.claim(folder / "store")

    def environment(self, name: str, user: str | None = None) -> dict[str, str]:
        url = self.team.owner if name == "owner" else self.team.url(name)
        store = f"file://{self.folder}/store"
        found = {"EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_STORE_URL": store}
        return found | ({"EVERYSKILL_USER": user} if user else {})

    def __call__(self, name: str, *words: str | Path, user: str | None = None) -> Finished:
        return self._cli(*words, env=self.environment(name, user))


# What each may do.


def test_a_publisher_does_all_that_a_publisher_does(
    own: Team, tmp_path: Path, cli: Commands, count: Count
) -> None:
    run = Logins(own, tmp_path, cli)
    skill = write_skill(tmp_path, "fresh")
    steps: list[tuple[str, ...]] = [
        ("publish", str(skill), "--tag", "one"),
        ("publish", str(skill)),
        ("publish", str(skill), "--tag", "two", "--category", "tools"),
        ("rate", "fresh", "5"),
        ("use", "fresh"),
        ("install", "fresh", "--to", "skills"),
        ("yank", "fresh@1", "--reason", "a mistake", "-y"),
        ("unyank", "fresh@1"),
        ("promote", "fresh@1"),
    ]
    for step in steps:
        done = run("publisher", *step)
        assert done.code == 0, (step, done)
    (skill / "SKILL.md").write_text((skill / "SKILL.md").read_text() + "More.\n")
    for step in (
        ("publish", str(skill), "--draft"),
        ("promote", "fresh"),
        ("rollback", "fresh"),
        ("publish", str(tmp_path / "fresh"), "--slug", "others"),
    ):
        done = run("publisher", *step)
        assert done.code == 0, (step, done)
    shown = run("reader", "versions", "fresh", "--json").json
    assert {v["author"] for v in shown["items"]} == {"publisher@example.org"}
    assert {e["actor"] for v in shown["items"] for e in v["events"]} == {"publisher@example.org"}
    with Database(own.owner) as database:
        audit_records(database)
        with database.reading() as tx:
            used = tx.execute(text("SELECT tool_name, user_id IS NULL FROM usage_events")).all()
    assert sorted(used) == [("cli", False), ("install", False)]
    count("roles", commands=len(steps) + 4)


@pytest.mark.parametrize("mark", ["deleted", "abandoned"])
def test_a_publisher_outlasts_garbage_collection(
    own: Team, tmp_path: Path, cli: Commands, mark: str, count: Count
) -> None:
    """With the few rights that it has on a mark: the same as an owner."""
    run = Logins(own, tmp_path, cli)
    skill = write_skill(tmp_path, "fresh")
    digest = hashlib.sha256((skill / "SKILL.md").read_bytes()).hexdigest()
    with psycopg.connect(own.owner) as owner:
        owner.execute(
            "INSERT INTO condemned (content_url, since, deleted_at) SELECT %s, since,"
            " CASE WHEN %s = 'deleted' THEN since END FROM (SELECT date_trunc('milliseconds',"
            " now() - interval '11 minutes') AS since) AS s",
            [f"sha256/{digest[:2]}/{digest}", mark],
        )
    done = run("publisher", "publish", skill)
    assert (done.code, done.stdout.splitlines()[0]) == (0, "published fresh@1"), done
    with psycopg.connect(own.owner) as owner:
        assert owner.execute("SELECT count(*) FROM condemned").fetchone() == (0,)
    count("roles", commands=1)


def test_a_rater_rates_changes_and_takes_back(as_login: Logins, count: Count) -> None:
    words = (
        ("demo", "4", "-c", "good", "--hours-saved", "2"),
        ("demo", "2"),
        ("demo", "2"),
        ("demo", "--remove"),
    )
    statuses = ["rated", "replaced", "unchanged", "removed"]
    for step, status in zip(words, statuses, strict=True):
        done = as_login("rater", "rate", *step, "--json")
        assert (done.code, done.json["status"]) == (0, status), done
    assert as_login("rater", "use", "demo", "--tool", "ci").code == 0
    missing = as_login("rater", "rate", "demo", "--remove")
    assert_failed(missing, 4, "rater@example.org has not rated")
    count("roles", commands=6)


READS: tuple[tuple[str, ...], ...] = (
    ("list",),
    ("show", "demo"),
    ("show", "demo@2", "--files"),
    ("versions", "demo"),
    ("ratings", "demo"),
    ("outdated",),
    ("doctor",),
    ("config",),
    ("admin", "grants"),
)


@pytest.mark.parametrize("name", ["reader", "rater", "publisher", "unbound"])
def test_everybody_reads(as_login: Logins, name: str, count: Count) -> None:
    before = as_login.team.state()
    for words in READS:
        done = as_login(name, *words)
        assert done.code == 0, (words, done)
    assert as_login.team.state() == before
    count("roles", commands=len(READS))


def test_a_reader_installs_and_records_no_use(
    own: Team, tmp_path: Path, cli: Commands, count: Count
) -> None:
    """What cannot be recorded stops nobody, and is not said: `--frozen` records none either."""
    run = Logins(own, tmp_path, cli)
    skill = write_skill(tmp_path, "fresh")
    assert run("publisher", "publish", skill).code == 0
    before = own.state()
    for name in ("reader", "bound", "unbound"):
        done = run(name, "install", "fresh", "--to", name, user="ann@example.org")
        assert (done.code, done.stderr) == (0, ""), done
        assert (Path(name) / "fresh/SKILL.md").read_bytes() == (skill / "SKILL.md").read_bytes()
    assert run("reader", "install", "--frozen").code == 0
    assert run("reader", "diff", "fresh@1", str(skill)).code == 0
    assert own.state() == before
    count("roles", commands=5)


WRITES: tuple[tuple[str, ...], ...] = (
    ("publish", "NEW"),
    ("publish", "CHANGED"),
    ("publish", "CHANGED", "--draft"),
    ("publish", "SAME", "--tag", "evil"),
    ("promote", "real"),
    ("rollback", "real", "--to", "1"),
    ("yank", "real@3", "--reason", "x", "-y"),
    ("unyank", "real@2"),
)
OPINIONS: tuple[tuple[str, ...], ...] = (
    ("rate", "real@3", "3"),
    ("rate", "real@3", "--remove"),
    ("use", "real@3"),
)
GRANT = ("admin", "grants", "--apply")
CLEANING: tuple[tuple[str, ...], ...] = (
    ("gc", "--delete", "--older-than", "0", "--force"),
    ("purge", "real@1", "--reason", "x", "-y"),
    ("purge", "real", "--everything", "--reason", "x", "-y"),
)
DENIED: dict[str, Sequence[tuple[str, ...]]] = {
    "reader": (*OPINIONS, *WRITES, *CLEANING, GRANT),
    "bound": (*OPINIONS, *WRITES, *CLEANING, GRANT),
    "rater": (*WRITES, *CLEANING, GRANT),
    "publisher": (*CLEANING, GRANT),
    "unbound": (*OPINIONS, *WRITES, *CLEANING, GRANT),
    "stranger": (
        *READS[:5],
        *OPINIONS,
        *WRITES,
        *CLEANING,
        GRANT,
        ("upgrade",),
        ("install", "real"),
        ("verify",),
    ),
}


@pytest.fixture(scope="module")
def real(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and a skill: of 4 versions 2 is yanked, 3 published, 4 a draft."""
    folder = tmp_path_factory.mktemp("real")
    team.claim(folder / "store")
    env = {
        **os.environ,
        "EVERYSKILL_DATABASE_URL": team.url("publisher"),
        "EVERYSKILL_STORE_URL": f"file://{folder}/store",
    }
    for body, *words in (
        ("One.", "publish", "real"),
        ("Two.", "publish", "real"),
        ("Three.", "publish", "real"),
        ("Three.", "yank", "real@2", "--reason", "x"),
        ("Four.", "publish", "real", "--draft"),
    ):
        write_skill(folder, "real", body)
        done = subprocess.run([*PROGRAM, *words], env=env, cwd=folder, capture_output=True)
        assert done.returncode == 0, done.stderr
    digest = hashlib.sha256(b"orphan").hexdigest()  # something to collect
    orphan = folder / "store/sha256" / digest[:2] / digest
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"orphan")
    return folder


@pytest.mark.parametrize("name", ["reader", "rater", "publisher", "unbound"])
def test_everybody_verifies(team: Team, real: Path, cli: Commands, name: str, count: Count) -> None:
    """What must be read for it, guards included, every role may read."""
    run = Logins(team, real, cli)
    for words in (["real"], ["real", "--quick"], ["real@1"]):
        done = run(name, "verify", *words, "--json")
        assert (done.code, done.json["results"]) == (0, []), done
    assert done.json["looked"]["versions"] == 4
    listed = run(name, "gc", "--older-than", "0", "--json")
    assert (listed.code, listed.json["status"], listed.json["garbage"]) == (0, "would-delete", 1), (
        listed
    )
    count("roles", commands=4)


@pytest.mark.parametrize("name", DENIED)
def test_what_is_denied_is_forbidden_and_leaves_nothing(
    team: Team, real: Path, cli: Commands, name: str, tmp_path: Path, count: Count
) -> None:
    run = Logins(team, real, cli)
    places = {
        "NEW": str(write_skill(tmp_path, "fresh")),
        "CHANGED": str(write_skill(tmp_path, "real", "Evil.")),
        "SAME": str(real / "real"),
    }
    before = team.state(), tree(real / "store")
    for words in DENIED[name]:
        words = [places.get(word, word) for word in words]
        assert_failed(run(name, *words, user="ann@example.org"), 9, "owner")
        assert_json_failure(run(name, *words, "--json", user="ann@example.org"), 9, "Forbidden")
    assert (team.state(), tree(real / "store")) == before
    count("roles", commands=2 * len(DENIED[name]))


@pytest.mark.parametrize("name", ["reader", "rater", "publisher", "unbound"])
def test_who_may_not_delete_is_sent_to_the_owner_and_to_no_role(
    team: Team, real: Path, cli: Commands, name: str
) -> None:
    """At once: nobody is asked first whether to go on."""
    for words in CLEANING:
        unasked = [word for word in words if word != "-y"]
        done = Logins(team, real, cli)(name, *unasked, "--json", user="ann@example.org")
        assert_json_failure(done, 9, "Forbidden")
        assert f"The login {team.login(name)} is not the owner" in done.error["message"]
        assert "owner to run this command" in done.error["hint"]
        assert "admin grants" not in done.error["hint"]


def test_who_is_bound_to_nobody_is_told_what_to_ask_for(as_login: Logins) -> None:
    done = as_login("unbound", "rate", "demo", "3", user="it's@example.org")
    login = as_login.team.login("unbound")
    assert_failed(
        done,
        9,
        f"The login {login} is bound to no user",
        f"everyskill admin grants --login {login} --role rater --email 'it'\"'\"'s@example.org'",
    )
    done = as_login("unbound", "doctor", "--json")
    user = next(check for check in done.json["results"] if check["name"] == "user")
    assert (done.code, user["status"]) == (0, "warning")
    assert f"--login {login} --role publisher" in user["fix"]


# Who somebody is.


def test_the_login_settles_who_somebody_is(as_login: Logins) -> None:
    """Whatever the settings say; nobody need say it at all."""
    for user in (None, "rater@example.org", "boss@example.org"):
        done = as_login("rater", "rate", "demo", "4", user=user)
        assert done.code == 0
        said = "You are rater@example.org here, by your login" in done.stderr
        assert said == (user == "boss@example.org"), done.stderr
    listed = as_login("reader", "ratings", "demo", "--json").json["items"]
    assert "rater@example.org" in {item["user"] for item in listed}
    assert "boss@example.org" not in {item["user"] for item in listed}
    with psycopg.connect(as_login.team.owner) as owner:
        found = owner.execute("SELECT count(*) FROM users WHERE email LIKE 'boss%'").fetchone()
    assert found == (0,)
    assert as_login("rater", "rate", "demo", "--remove").code == 0


def test_an_owner_is_whoever_says_so(own: Team, tmp_path: Path, cli: Commands) -> None:
    """As before there were roles; and the owner's own login is never taken for another's."""
    run = Logins(own, tmp_path, cli)
    assert run("owner", "rate", "demo", "4", user="claim@example.org").code == 0
    assert_failed(run("owner", "rate", "demo", "4"), 8, "Nobody said who you are")
    with psycopg.connect(own.admin) as admin:
        admin.execute(
            "UPDATE users SET db_login = %s WHERE email = 'eve@example.org'", [own.login("owner")]
        )
    assert run("owner", "rate", "demo", "3", user="claim@example.org").code == 0
    listed = run("owner", "ratings", "demo@1", "--json").json["items"]
    assert {(i["user"], i["rating"]) for i in listed} >= {("claim@example.org", 3)}


def test_a_member_of_the_owner_is_an_owner(own: Team, tmp_path: Path, cli: Commands) -> None:
    with psycopg.connect(own.admin) as admin:
        member, owner = (sql.Identifier(own.login(name)) for name in ("stranger", "owner"))
        admin.execute(sql.SQL("GRANT {} TO {}").format(owner, member))
    run = Logins(own, tmp_path, cli)
    assert run("stranger", "rate", "demo", "4", user="claim@example.org").code == 0
    assert "whom no role limits" in run("stranger", "doctor").stdout


# The script.


def test_the_script_says_the_same_again_and_psql_takes_it(
    own: Team, tmp_path: Path, cli: Commands, postgres_server: PostgresServer
) -> None:
    run = Logins(own, tmp_path, cli)
    words = ("admin", "grants", "--prefix", own.word)
    before = own.state()
    printed = run("owner", *words)
    applied = run("owner", *words, "--apply")
    assert (printed.code, applied.code, printed.stderr, applied.stderr) == (0, 0, "", "")
    assert applied.stdout == printed.stdout
    assert own.state() == before
    answer = run("owner", *words, "--json").json
    assert [f"{s['sql']};" for s in answer["results"]] == [
        line for line in printed.stdout.splitlines()[2:-1] if not line.startswith("--")
    ]
    with psycopg.connect(own.owner) as owner:
        owner.execute("REVOKE ALL ON ratings, users FROM PUBLIC")
        owner.execute(f"GRANT ALL ON ratings TO PUBLIC, {own.word}_reader".encode())
        owner.execute(f"REVOKE SELECT ON users FROM {own.word}_reader".encode())
        owner.execute("GRANT EXECUTE ON FUNCTION everyskill_signed() TO PUBLIC")
    assert own.state() != before
    psql = program("psql", getattr(postgres_server, "_binaries", Path("/usr/bin")))
    assert psql is not None
    command = [psql, own.owner, "-v", "ON_ERROR_STOP=1", "-qX"]
    done = subprocess.run(command, input=printed.stdout, capture_output=True, text=True)
    assert (done.returncode, "ERROR" in done.stderr) == (0, False), done
    assert sorted_rights(own.state()) == sorted_rights(before)


def test_what_was_granted_past_the_roles_is_taken_away(
    own: Team, tmp_path: Path, cli: Commands, count: Count
) -> None:
    """Whoever granted it, to whomever: tables, columns, functions, and what was passed on."""
    run = Logins(own, tmp_path, cli)
    words = ("admin", "grants", "--prefix", own.word, "--apply")
    before = own.state()
    rater, stranger, unbound = (own.login(name) for name in ("rater", "stranger", "unbound"))
    grants = (
        f"GRANT UPDATE, DELETE ON skill_versions TO {rater}",
        f"GRANT UPDATE (stars_5) ON skills TO {rater}, {unbound}",
        f"GRANT ALL ON ratings TO {stranger} WITH GRANT OPTION",
        f"GRANT EXECUTE ON FUNCTION everyskill_entry_hash(version_events) TO {rater}",
        f"GRANT CREATE ON SCHEMA public TO {own.login('bound')}",
    )
    with psycopg.connect(own.owner) as owner:
        for statement in grants:
            owner.execute(statement.encode())
    passed_on = f"GRANT DELETE ON ratings TO {own.login('reader')}"
    assert own.attempt("stranger", [passed_on])[0] == ""
    assert own.state() != before
    done = run("owner", *words)
    assert done.code == 0, done
    for name in ("bound", "rater", "reader", "stranger", "unbound"):
        assert own.login(name) in done.stderr
    assert sorted_rights(own.state()) == sorted_rights(before)
    again = run("owner", *words)
    assert (again.code, again.stderr) == (0, "")
    count("roles", rights_too_many=len(grants) + 1)


def test_a_role_that_somebody_else_granted_is_taken_or_said_to_stay(
    own: Team, tmp_path: Path, cli: Commands
) -> None:
    """From PostgreSQL 16 on, an owner takes away what they granted, and a superuser everything."""
    run = Logins(own, tmp_path, cli)
    login, group, helpers = own.login("other"), f"{own.word}_publisher", own.login("helpers")
    words = ("admin", "grants", "--prefix", own.word, "--login", login, "--apply", "--role")
    with psycopg.connect(own.admin, autocommit=True) as admin:
        admin.execute(f"GRANT {group} TO {login}".encode())
        row = admin.execute(
            "SELECT current_user, current_setting('server_version_num')::integer"
        ).fetchone()
        assert row is not None
        by = f" GRANTED BY {row[0]}" if row[1] >= 160000 else ""
        before = own.state()
        if by:
            for role in (("none",), ("reader",), ("rater", "--email", "other@example.org")):
                done = run("owner", *words, *role)
                line = f"REVOKE {group} FROM {login}{by}"
                assert_failed(done, 9, f"{login} stays in {own.word}_", line, "Nothing was changed")
            assert own.state() == before
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(own, "owner", own.admin)
            assert run("owner", *words, "none").code == 0
        admin.execute(f"CREATE ROLE {helpers} NOLOGIN".encode())
        admin.execute(f"GRANT {group} TO {helpers}; GRANT {helpers} TO {login}".encode())
        done = run("owner", *words, "none")
        assert_failed(done, 9, f"{login} stays in", f"REVOKE {helpers} FROM {login}{by}")
        admin.execute(f"REVOKE {helpers} FROM {login}{by}".encode())
    assert run("other", "show", "demo").code == 9


def test_an_owner_keeps_what_makes_it_one(own: Team, tmp_path: Path, cli: Commands) -> None:
    run = Logins(own, tmp_path, cli)
    words = ("admin", "grants", "--prefix", own.word, "--apply", "--role", "none", "--login")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own, "owner", own.admin)
        done = run("owner", *words, own.login("owner"))
    assert (done.code, "no role limits it" in done.stderr) == (0, True), done
    assert run("owner", *words, own.login("rater")).code == 0
    assert run("rater", "show", "demo").code == 9


def test_a_role_to_pass_on_is_taken_or_said_to_stay(
    team: Team, tmp_path: Path, cli: Commands
) -> None:
    """Whoever has ADMIN OPTION makes members that the owner never named."""
    run = Logins(team, tmp_path, cli)
    login, group = team.login("other"), f"{team.word}_publisher"
    words = ("admin", "grants", "--prefix", team.word, "--login", login, "--apply", "--role")
    words = (*words, "publisher", "--email", "other@example.org")
    for url in (team.owner, team.admin):
        with psycopg.connect(url) as by:
            by.execute(f"GRANT {group} TO {login} WITH ADMIN OPTION".encode())
            stays = url == team.admin and by.info.server_version >= 160000
        assert f"ADMIN of {group}" in role_of(run("other", "doctor", "--json"))[1]
        done = run("owner", *words)
        if stays:
            assert_failed(done, 9, f"{login} stays in {group}", f"REVOKE {group} FROM {login}")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(team, "owner", team.admin)
                done = run("owner", *words)
        assert done.code == 0, done
        assert team.attempt("other", [f"GRANT {group} TO {team.login('reader')}"])[0] == "42501"
        assert role_of(run("other", "doctor", "--json")) == ("ok", f"{login} is a publisher")


def sorted_rights(state: list[str]) -> list[str]:
    """The same with the entries of each list of rights in order."""
    return ["".join(sorted(line)) for line in state]


def test_a_role_is_changed_and_taken_away(own: Team, tmp_path: Path, cli: Commands) -> None:
    run = Logins(own, tmp_path, cli)
    login = own.login("stranger")
    words = ("admin", "grants", "--prefix", own.word, "--login", login, "--apply", "--role")
    assert run("owner", *words, "reader").code == 0
    assert run("stranger", "show", "demo").code == 0
    assert run("stranger", "rate", "demo", "3").code == 9
    assert run("owner", *words, "rater", "--email", "New@Example.org").code == 0
    assert run("stranger", "rate", "demo", "3").code == 0
    moved = run("owner", *words, "rater", "--email", "rater@example.org")
    assert moved.code == 0
    assert f"{login} was new@example.org until now" in moved.stderr
    assert f"bound to the login {own.login('rater')}, which loses it" in moved.stderr
    assert run("rater", "rate", "demo", "3").code == 9
    assert run("stranger", "rate", "demo", "4").code == 0
    assert run("owner", *words, "reader").code == 0
    assert run("stranger", "rate", "demo", "5").code == 9
    assert run("owner", *words, "none").code == 0
    assert run("stranger", "show", "demo").code == 9
    with psycopg.connect(own.owner) as owner:
        found = owner.execute("SELECT count(*) FROM users WHERE db_login = %s", [login]).fetchone()
    assert found == (0,)


HOSTILE = (
    """x"; DROP TABLE ratings; --""",
    """x'; DROP TABLE ratings; --""",
    """x\\'; DROP TABLE ratings; --""",
    """x$$; DROP TABLE ratings; --""",
    """%s %(x)s :x {x} ;""",
    """Übung – ☃ ' " \\ """,
)


@pytest.mark.parametrize("suffix", HOSTILE)
def test_a_hostile_name_is_a_name(
    team: Team, tmp_path: Path, cli: Commands, suffix: str, postgres_server: PostgresServer
) -> None:
    run = Logins(team, tmp_path, cli)
    login = f"{team.word}_{suffix}"
    email = f"{uuid.uuid4().hex[:8]}'\\\"$$;--@example.org"
    with psycopg.connect(team.admin) as admin:
        made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        admin.execute(made.format(sql.Identifier(login), PASSWORD))
    words = ["admin", "grants", "--prefix", team.word, "--login", login, "--role", "rater"]
    words += ["--email", email]
    printed = run("owner", *words)
    psql = program("psql", getattr(postgres_server, "_binaries", Path("/usr/bin")))
    assert psql is not None
    command = [psql, team.owner, "-v", "ON_ERROR_STOP=1", "-qX"]
    done = subprocess.run(command, input=printed.stdout, capture_output=True, text=True)
    assert (done.returncode, "ERROR" in done.stderr) == (0, False), done
    assert run("owner", *words, "--apply").code == 0
    with psycopg.connect(team.owner) as owner:
        found = owner.execute("SELECT email FROM users WHERE db_login = %s", [login]).fetchone()
        assert found == (email,)
        member = owner.execute(
            "SELECT pg_has_role(%s, %s, 'MEMBER')", [login, f"{team.word}_rater"]
        ).fetchone()
        assert member == (True,)
    with psycopg.connect(team.owner, user=login, password=PASSWORD) as connection:
        assert connection.execute("SELECT everyskill_me() IS NOT NULL").fetchone() == (True,)
    assert run("owner", *words[:4], "--login", login, "--role", "none", "--apply").code == 0


def test_quoting_gives_back_what_was_quoted(team: Team) -> None:
    values = [*HOSTILE, "", "'", "''", "\\", "\\'", "E'", "a\\nb"]
    with psycopg.connect(team.owner, autocommit=True) as owner:
        for setting in ("on", "off"):
            owner.execute(f"SET standard_conforming_strings = {setting}".encode())
            owner.execute("SET escape_string_warning = off")
            for value in values:
                statement = f"SELECT {literal(value)} AS {identifier(value or 'x')}"
                done = owner.execute(statement.encode())
                assert done.fetchone() == (value,)
                assert done.description is not None
                assert done.description[0].name == (value or "x")


def test_what_is_refused_before_anything_is_asked(as_login: Logins) -> None:
    for code, *words in (
        (2, "--login", "x"),
        (2, "--role", "rater"),
        (2, "--login", "x", "--role", "rater"),
        (2, "--login", "x", "--role", "boss"),
        (2, "--login", "x", "--role", "none", "--email", "a@example.org"),
        (2, "--email", "a@example.org"),
        (2, "--login", "x\ny", "--role", "reader"),
        (2, "--login", "x\u202ey", "--role", "reader"),
        (2, "--login", "x" * 64, "--role", "reader"),
        (2, "--login", "", "--role", "reader"),
        (2, "--login", "x", "--role", "rater", "--email", "ann"),
        (2, "--login", "x", "--role", "rater", "--email", "a\u202e@example.org"),
        (2, "--prefix", 'x"; DROP TABLE ratings; --'),
        (2, "--prefix", ""),
        (2, "--prefix", "pg_" + "x" * 40),
        (2, "--prefix", "x" * 64),
        (2, "--prefix", "Team"),
        (2, "--prefix", "my team"),
        (2, "--prefix", "☃"),
        (4, "--login", "nobody-here", "--role", "reader"),
    ):
        assert_failed(as_login("owner", "admin", "grants", *words), code)


def test_a_role_goes_to_logins_and_to_none_that_no_role_limits(
    team: Team, tmp_path: Path, cli: Commands
) -> None:
    run, login = Logins(team, tmp_path, cli), f"{team.word}_many"
    words = ("admin", "grants", "--prefix", team.word, "--apply", "--login")
    before = team.state()
    with psycopg.connect(team.admin, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {login} ROLE {team.login('stranger')}".encode())
        for group in (login, "pg_read_all_data", f"{team.word}_publisher"):
            assert_failed(run("owner", *words, group, "--role", "reader"), 2, f"{group} is a group")
        assert run("owner", *words, login, "--role", "none").code == 0
        admin.execute(f"ALTER ROLE {login} LOGIN SUPERUSER".encode())
        done = run("owner", *words, login, "--role", "publisher", "--email", "many@example.org")
        assert_failed(done, 2, f"{login} is a superuser, whom no role limits", "createuser")
        assert team.state() == before
        admin.execute(f"ALTER ROLE {login} NOSUPERUSER BYPASSRLS CREATEROLE".encode())
        done = run("owner", *words, login, "--role", "reader")
        assert (done.code, "than any role allows: BYPASSRLS; CREATEROLE." in done.stderr) == (
            0,
            True,
        )
        warned = f"Whoever is a member of {login} gets the role too: {team.login('stranger')}."
        assert warned in done.stderr
        admin.execute(f"ALTER ROLE {login} NOBYPASSRLS NOCREATEROLE".encode())
        done = run("owner", *words, login, "--role", "none")
        assert (done.code, done.stderr) == (0, "")


def test_who_made_a_login_has_nothing_of_its_role(
    team: Team, tmp_path: Path, cli: Commands
) -> None:
    """Nor is warned of, though it is a member of it from PostgreSQL 16 on."""
    run, maker = Logins(team, tmp_path, cli), team.login("stranger")
    login = f"{team.word}_made"
    with psycopg.connect(team.admin, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {maker} CREATEROLE".encode())
        try:
            with psycopg.connect(team.url("stranger")) as stranger:
                stranger.execute(f"CREATE ROLE {login} LOGIN".encode())
            words = ("admin", "grants", "--prefix", team.word, "--apply", "--login", login)
            done = run("owner", *words, "--role", "reader")
            assert (done.code, done.stderr) == (0, "")
        finally:
            admin.execute(f"ALTER ROLE {maker} NOCREATEROLE; DROP ROLE IF EXISTS {login}".encode())


def test_no_name_of_the_servers_own(as_login: Logins, count: Count) -> None:
    """What begins with pg_ PostgreSQL makes nobody; other reserved words are parts of names."""
    for prefix in ("pg", "pg_", "pg_x", "pg_read_all"):
        done = as_login("owner", "admin", "grants", "--prefix", prefix, "--apply")
        assert_failed(done, 2, "PostgreSQL keeps pg_ for its own", "another --prefix")
    for prefix in ("public", "none", "pgx", "user", "x" * 40):
        assert as_login("owner", "admin", "grants", "--prefix", prefix).code == 0
    for login in ("public", "none", "current_user"):  # of which the server makes no login
        done = as_login("owner", "admin", "grants", "--login", login, "--role", "reader", "--apply")
        assert_failed(done, 4, f"no login {login}")
    count("roles", commands=12)


def test_a_sqlite_file_has_no_roles(cli: Commands, tmp_path: Path) -> None:
    env = {"EVERYSKILL_HOME": str(tmp_path), "EVERYSKILL_USER": "ann@example.org"}
    assert cli("publish", write_skill(tmp_path), env=env).code == 0
    for more in ((), ("--apply",)):
        assert_failed(cli("admin", "grants", *more, env=env), 8, "no roles", "docs/security.md")


TAKEN = {  # what is there under the name of a group, and why it is none of the registry's
    "CREATE ROLE {p}_rater LOGIN": "{p}_rater is there already and is more than a group: LOGIN",
    "CREATE ROLE {p}_reader SUPERUSER BYPASSRLS": "more than a group: SUPERUSER, BYPASSRLS",
    "CREATE ROLE {p}_reader CREATEROLE CREATEDB": "more than a group: CREATEROLE, CREATEDB",
    "CREATE ROLE {p}_publisher REPLICATION": "more than a group: REPLICATION",
    "CREATE ROLE {p}_reader IN ROLE pg_write_all_data": "{p}_reader is a member of pg_write_all_da",
    "CREATE ROLE {p}_rater; CREATE ROLE {p}_reader IN ROLE {p}_rater": (
        "REVOKE {p}_rater FROM {p}_reader"
    ),
    "CREATE ROLE {p}_publisher ROLE {login}": "is not this registry's, and has members: {login}",
    "CREATE ROLE {p}_reader ADMIN {login}": "is not this registry's, and has members: {login}",
    "CREATE ROLE {p}_reader; CREATE ROLE {p}_rater IN ROLE {p}_reader ROLE {login}": (
        "{p}_rater is there already, is not this registry's, and has members: {login}."
    ),
    "CREATE ROLE {p}_publisher; GRANT SELECT ON skills TO {p}_publisher": (
        "{p}_publisher is there already, is not this registry's, and has rights in the database"
    ),
}


def test_a_role_that_is_something_else_never_becomes_a_group(
    team: Team, tmp_path: Path, cli: Commands, count: Count
) -> None:
    """Nor where psql runs a script that was printed before the role was there."""
    run, prefix = Logins(team, tmp_path, cli), f"{team.word}_y"
    words = ("admin", "grants", "--prefix", prefix)
    printed = run("owner", *words, "--json").json["results"]
    values = {"p": prefix, "login": team.login("stranger")}
    before = team.state()
    with psycopg.connect(team.admin, autocommit=True) as admin:
        for made, found in TAKEN.items():
            admin.execute(made.format(**values).encode())
            assert_failed(run("owner", *words, "--apply"), 5, found.format(**values), "--prefix")
            with (
                pytest.raises(psycopg.IntegrityError, match="everyskill: The role"),
                admin.transaction(),
            ):
                for statement in printed:
                    admin.execute(statement["sql"].encode())
            for role in made.split("CREATE ROLE ")[1:]:
                name = role.partition(";")[0].split()[0].format(p=prefix)
                admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())
    assert team.state() == before
    count("roles", groups_of_others=len(TAKEN))


def test_two_registries_of_one_server_share_no_groups(
    own: Team, team: Team, tmp_path: Path, cli: Commands, postgres_server: PostgresServer
) -> None:
    """Roles are of the whole server: a second registry is refused, a copy is warned."""
    run, prefix = Logins(own, tmp_path, cli), f"{own.word}_x"
    words = ("admin", "grants", "--prefix", prefix, "--apply")
    with psycopg.connect(own.admin) as admin:  # empty groups, and a procedure, are no obstacle
        made = "CREATE PROCEDURE everyskill_x() LANGUAGE sql AS ''; ALTER ROUTINE everyskill_x()"
        admin.execute(f"{made} OWNER TO {own.login('owner')}".encode())
        for role in ("reader", "rater", "publisher"):
            admin.execute(f"CREATE ROLE {prefix}_{role} ADMIN {own.login('owner')}".encode())
    assert f"taken away by this script, from: {own.word}_pub" in run("owner", *words).stderr
    for admin_or_owner in (team.admin, team.owner):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(own, "owner", admin_or_owner)
            done = run("owner", *words)
        where = own.admin.rpartition("/")[2]
        assert_failed(done, 5, f"has rights in the database {where}", "another --prefix")
    copy = postgres_server.create_database(own.admin)
    try:
        done = run("owner", *words, "--login", own.login("bound"), "--role", "reader")
        said = f"the server: {copy.rpartition('/')[2]}. Whoever is a member here is one there."
        assert (done.code, said in done.stderr) == (0, True), done
    finally:
        postgres_server.drop_database(copy)
    assert run("owner", *words).stderr == ""
    assert run("publisher", "list").code == 9
    # Who made the groups knows them again, though the other prefix took every right from them.
    assert run("owner", "admin", "grants", "--prefix", own.word, "--apply").code == 0
    assert run("publisher", "list").code == 0


def test_an_owner_who_may_not_make_roles_is_told_who_can(
    own: Team, tmp_path: Path, cli: Commands
) -> None:
    with psycopg.connect(own.admin) as admin:
        owner = sql.Identifier(own.login("owner"))
        admin.execute(sql.SQL("ALTER ROLE {} NOCREATEROLE").format(owner))
    run = Logins(own, tmp_path, cli)
    done = run("owner", "admin", "grants", "--prefix", f"{own.word}_x", "--apply")
    assert_failed(done, 9, "permission denied to create role", f"--prefix {own.word}_x | psql")


def test_a_registry_in_a_schema_of_its_own(
    postgres_server: PostgresServer, tmp_path: Path, cli: Commands
) -> None:
    """With a name that needs quotes; and two registries of one server do not share their roles."""
    team = Team(postgres_server, schema='My "own"')
    try:
        run = Logins(team, tmp_path, cli)
        assert run("publisher", "publish", write_skill(tmp_path, "fresh")).code == 0
        assert run("reader", "show", "fresh").code == 0
        assert_failed(run("rater", "publish", write_skill(tmp_path, "other")), 9, "no publisher")
        assert_failed(run("stranger", "list"), 9, "no role in the registry", "admin grants")
        assert run("rater", "doctor").code == 0
        with Database(team.owner) as database, database.reading() as tx:
            assert differences(tx) == []
    finally:
        team.close()


# What doctor says of a login.


def role_of(done: Finished) -> tuple[str, str]:
    [check] = [check for check in done.json["results"] if check["name"] == "role"]
    return check["status"], check["found"]


@pytest.mark.parametrize("name", ["reader", "rater", "publisher"])
def test_doctor_says_the_role(as_login: Logins, name: str) -> None:
    done = as_login(name, "doctor", "--json")
    assert (done.code, role_of(done)) == (0, ("ok", f"{as_login.team.login(name)} is a {name}"))
    user = next(check for check in done.json["results"] if check["name"] == "user")
    assert user["status"] == "ok"
    assert EMAILS.get(name, "bound to nobody, and only reads") in user["found"]


def test_doctor_leaves_an_owner_in_peace(as_login: Logins) -> None:
    done = as_login("owner", "doctor", "--json", user="ann@example.org")
    assert (done.code, role_of(done)[0], done.json["status"]) == (0, "ok", "ok")
    assert "whom no role limits" in role_of(done)[1]


MORE = {
    "GRANT UPDATE ON skills TO {login}": "UPDATE on skills",
    "GRANT UPDATE (stars_5) ON skills TO {login}": "UPDATE on skills",
    "GRANT DELETE ON usage_events TO {login}": "DELETE on usage_events",
    "GRANT TRUNCATE ON ratings TO {login}": "TRUNCATE on ratings",
    "GRANT TRIGGER ON ratings TO {login}": "TRIGGER on ratings",
    "GRANT REFERENCES ON skills TO {login}": "REFERENCES on skills",
    "GRANT INSERT ON tombstones TO PUBLIC": "INSERT on tombstones",
    "GRANT pg_write_all_data TO {login}": "member of pg_write_all_data",
    "GRANT pg_execute_server_program TO {login}": "member of pg_execute_server_program",
    "GRANT CREATE ON DATABASE {database} TO {login}": "CREATE in the database",
    "GRANT CREATE ON SCHEMA public TO {login}": "CREATE in the schema",
    "GRANT CREATE ON SCHEMA public TO PUBLIC": "CREATE in the schema",
    "ALTER SCHEMA public OWNER TO {login}": "owner of the schema",
    "ALTER DATABASE {database} OWNER TO {login}": "owner of the database",
    "ALTER TABLE ratings OWNER TO {login}": "owner of ratings",
    "ALTER FUNCTION everyskill_me() OWNER TO {login}": "owner of everyskill_me",
    "ALTER ROLE {login} BYPASSRLS": "BYPASSRLS",
    "ALTER ROLE {login} CREATEROLE": "CREATEROLE",
    "GRANT SET ON PARAMETER session_replication_role TO {login}": "session_replication_role",
    "GRANT INSERT (id) ON ratings TO {login} WITH GRANT OPTION": "GRANT OPTION on ratings",
    "GRANT pg_read_server_files TO {login}": "member of pg_read_server_files",
    "CREATE ROLE {word}_boss SUPERUSER ROLE {login}": "SUPERUSER as {word}_boss",
    "CREATE ROLE {word}_boss BYPASSRLS ROLE {login}": "BYPASSRLS as {word}_boss",
    "CREATE ROLE {word}_boss NOINHERIT IN ROLE {word}_publisher ROLE {login}": (
        "INSERT on skill_versions"  # with SET ROLE
    ),
    "CREATE ROLE {word}_boss IN ROLE {word}_reader ADMIN {login}": "ADMIN of {word}_boss",
}


def test_doctor_says_what_a_login_may_beyond_its_role(
    own: Team, tmp_path: Path, cli: Commands, count: Count
) -> None:
    run = Logins(own, tmp_path, cli)
    login, name = own.login("rater"), own.admin.rpartition("/")[2]
    with psycopg.connect(own.admin, autocommit=True) as admin:
        for statement, words in MORE.items():
            values = {"login": login, "database": name, "word": own.word}
            statement, words = statement.format(**values), words.format(**values)
            admin.execute(statement.encode())
            with Database(own.url("rater")) as database, database.reading() as tx:
                found = standing(tx)
            assert found.role == ("publisher" if "write_all" in statement else "rater")
            assert words in "; ".join(found.more), statement
            if words in ("UPDATE on skills", "BYPASSRLS", "owner of everyskill_me"):
                done = run("rater", "doctor", "--json")
                assert (role_of(done)[0], words in role_of(done)[1]) == ("warning", True), done
                # That fails nothing; a function of ours that is somebody else's does.
                assert done.code == (8 if "OWNER" in statement else 0)
            undo(admin, statement, own.login("owner"))
    assert role_of(run("rater", "doctor", "--json"))[0] == "ok"
    count("roles", rights_too_many=len(MORE))


def undo(admin: psycopg.Connection, statement: str, owner: str) -> None:
    """Take back what one statement gave."""
    back = statement.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM ")
    back = back.replace("WITH GRANT OPTION", "CASCADE")
    if statement.startswith("CREATE"):
        back = "DROP ROLE " + statement.split()[2]
    if statement.startswith("ALTER"):
        back = f"{statement.partition('OWNER TO')[0]}OWNER TO {owner}"
        if "OWNER" not in statement:
            back = " ".join([*statement.split()[:-1], f"NO{statement.split()[-1]}"])
    admin.execute(back.encode())


def test_doctor_knows_a_login_where_the_schema_was_changed(
    own: Team, tmp_path: Path, cli: Commands
) -> None:
    run = Logins(own, tmp_path, cli)
    with psycopg.connect(own.owner) as owner:
        owner.execute("DROP TRIGGER ratings_signed ON ratings")
    done = run("rater", "doctor", "--json")
    statuses = {check["name"]: check["status"] for check in done.json["results"]}
    assert (done.code, statuses["guards"], statuses["user"]) == (8, "failed", "ok")
    assert role_of(done) == ("ok", f"{own.login('rater')} is a rater")
    with psycopg.connect(own.owner) as owner:
        owner.execute("DROP FUNCTION everyskill_is_owner() CASCADE")
    done = run("rater", "doctor", "--json")
    assert (done.code, role_of(done)[0]) == (8, "failed")


def test_a_superuser_is_no_owner_to_be_warned_of(own: Team, tmp_path: Path, cli: Commands) -> None:
    with psycopg.connect(own.admin) as admin:
        admin.execute(f"ALTER ROLE {own.login('rater')} SUPERUSER".encode())
    status, found = role_of(Logins(own, tmp_path, cli)("rater", "doctor", "--json", user="a@b.org"))
    assert (status, "is a superuser" in found) == ("ok", True)


def test_a_store_that_a_reader_may_not_write_is_in_order(
    team: Team, tmp_path: Path, cli: Commands, real: Path
) -> None:
    """A reader's key may read alone; a publisher's may not."""
    store = real / "store"
    mode = store.stat().st_mode
    store.chmod(mode & ~0o222)
    try:
        for name, code in (("reader", 0), ("rater", 0), ("publisher", 8)):
            env = Logins(team, real, cli).environment(name)
            with pytest.MonkeyPatch.context() as patch:
                for variable, value in env.items():
                    patch.setenv(variable, value)
                assert as_ordinary_user("doctor").code == code, name
    finally:
        store.chmod(mode)


# What doctor says of the guards.


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DROP POLICY ratings_change ON ratings", "ratings_change is missing"),
        ("ALTER POLICY ratings_change ON ratings USING (true)", "ratings_change was changed"),
        ("ALTER POLICY ratings_add ON ratings TO postgres", "ratings_add was changed"),
        ("CREATE POLICY evil ON ratings USING (true)", "evil on ratings is not ours"),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", "row security of users is switched off"),
        ("ALTER TABLE ratings DISABLE TRIGGER ratings_signed", "ratings_signed is switched off"),
        ("DROP TRIGGER condemned_used ON condemned", "condemned_used is missing"),
        ("ALTER FUNCTION everyskill_signed() RESET search_path", "everyskill_signed was changed"),
        ("ALTER FUNCTION everyskill_signed() SECURITY INVOKER", "everyskill_signed was changed"),
        (
            "ALTER FUNCTION everyskill_me() SET search_path = pg_temp, public",
            "everyskill_me was changed",
        ),
        (
            "CREATE FUNCTION everyskill_raise(varchar) RETURNS void LANGUAGE sql AS ''",
            "everyskill_raise was changed",
        ),
        (
            "CREATE FUNCTION concat(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1';"
            " ALTER FUNCTION concat(text, text) OWNER TO {login}",
            "concat is of {login}",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO {login}; ALTER TABLE ratings OWNER TO {login}",
            "ratings is of {login}",
        ),
        (
            "CREATE OPERATOR ||| (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat);"
            " GRANT CREATE ON SCHEMA public TO {login};"
            " ALTER OPERATOR ||| (text, text) OWNER TO {login}",
            "||| is of {login}",
        ),
        (
            "CREATE OR REPLACE FUNCTION everyskill_is_owner() RETURNS boolean LANGUAGE sql STABLE"
            " SET search_path = public, pg_temp AS 'SELECT true'",
            "everyskill_is_owner was changed",
        ),
    ],
)
def test_a_changed_guard_is_found(team: Team, statement: str, found: str) -> None:
    statement, found = (each.replace("{login}", team.login("rater")) for each in (statement, found))
    with Database(team.admin) as database:
        with database.reading() as tx:
            assert differences(tx) == []
        with pytest.raises(ZeroDivisionError), database.writing() as tx:
            tx.exec_driver_sql(statement)
            assert differences(tx) == [found]
            raise ZeroDivisionError
