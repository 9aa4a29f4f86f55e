"""A registry on PostgreSQL with logins of every role, as `admin grants` makes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from everyskill_cli.database.engine import Database
from everyskill_cli.database.grants import run, script
from everyskill_cli.database.membership import Member
from everyskill_cli.database.schema import upgrade
from everyskill_cli.database.tables import metadata
from everyskill_cli.model import Role, SkillVersion
from tests.rows import add_rating, add_version
from tests.servers.postgres import PostgresServer

PASSWORD = "t3st"
MEMBERS: dict[str, tuple[Role | None, str | None]] = {
    "reader": ("reader", None),
    "rater": ("rater", "rater@example.org"),
    "publisher": ("publisher", "publisher@example.org"),
    "other": ("publisher", "other@example.org"),  # somebody to be mistaken for
    "bound": ("reader", "bound@example.org"),
    "unbound": ("publisher", None),
    "stranger": (None, None),  # a login without a role
}
STATE = """
    SELECT format('class %s %s %s %s %s', relname, relkind, relowner, relacl, relrowsecurity)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('column %s %s %s', attrelid::regclass, attname, attacl)
    FROM pg_attribute WHERE attrelid::regclass::text IN (SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')
    UNION ALL SELECT format('function %s %s %s', oid::regprocedure, proacl, md5(prosrc))
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('trigger %s %s %s', tgrelid::regclass, tgname, tgenabled)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('policy %s %s', polrelid::regclass, polname) FROM pg_policy
    UNION ALL SELECT format('constraint %s', conname) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
"""
ROWS = "".join(
    f" UNION ALL SELECT concat('{name}: ', md5(string_agg(t::text, '' ORDER BY t::text)))"
    f" FROM public.{name} AS t"
    for name in (*metadata.tables, "skill_search")
)


class Team:
    """One registry; its owner is an ordinary login that may make roles.

    Attributes:
        admin: its address for a superuser.
        owner: its address for the owner.
        first: the published version of ``demo``, which several people have rated.
        known: its state, where nothing has changed since somebody looked.
    """

    def __init__(self, server: PostgresServer, schema: str = "public") -> None:
        self.schema = schema
        self.word = f"team_{uuid.uuid4().hex[:10]}"
        self._server = server
        self.known: list[str] | None = None
        self.admin = server.create_database()
        self.owner = self.url("owner")
        self._make_logins()
        with Database(self.owner) as database:
            upgrade(database)
            with database.writing() as tx:
                whole = script(tx, self.word)
                run(tx, whole)
            self._groups = len(whole)
            for name, (role, email) in MEMBERS.items():
                self.join(name, role, email)
        self._write_rows()

    def _make_logins(self) -> None:
        with psycopg.connect(self.admin, autocommit=True) as admin:
            for name in ("owner", *MEMBERS):
                login = sql.Identifier(self.login(name))
                make = "CREATE ROLE {} LOGIN PASSWORD {}" + (
                    " CREATEROLE" if name == "owner" else ""
                )
                admin.execute(sql.SQL(make).format(login, PASSWORD))
                if name != "owner":  # a schema of its own to prepare things in
                    admin.execute(sql.SQL("CREATE SCHEMA {0} AUTHORIZATION {0}").format(login))
            database = sql.Identifier(urlsplit(self.admin).path[1:])
            owner = sql.Identifier(self.login("owner"))
            if self.schema == "public":
                admin.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner))
            else:
                made = sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}")
                admin.execute(made.format(sql.Identifier(self.schema), owner))
            admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, owner))

    def _write_rows(self) -> None:
        with Database(self.url("publisher")) as database:
            with database.writing() as tx:
                self.first: SkillVersion = add_version(tx, email="publisher@example.org")
            with database.writing() as tx:
                self.second = add_version(tx, kind="draft", email="publisher@example.org")
        with Database(self.url("other")) as database:
            with database.writing() as tx:
                add_version(tx, "others", email="other@example.org")
            with database.writing() as tx:
                self.rating = add_rating(tx, self.first, 5, "other@example.org", hours=3)
        with Database(self.owner) as database, database.writing() as tx:
            add_rating(tx, self.second, 1, "eve@example.org")

    def login(self, name: str) -> str:
        """The login of somebody."""
        return f"{self.word}_is_{name}"

    def url(self, name: str) -> str:
        """The registry's address for somebody."""
        parts = urlsplit(self.admin)
        place = parts.netloc.rpartition("@")[2]
        found = parts._replace(netloc=f"{quote(self.login(name))}:{PASSWORD}@{place}")
        if self.schema != "public":
            path = self.schema.replace('"', '""').replace(" ", "\\ ")
            setting = quote(f'-csearch_path="{path}"', safe="")
            found = found._replace(query=f"options={setting}")
        return urlunsplit(found)

    def join(self, name: str, role: Role | None, email: str | None) -> None:
        """Make a login a member, as its owner does."""
        member = Member(login=self.login(name), role=role, email=email)
        with Database(self.owner) as database, database.writing() as tx:
            run(tx, script(tx, self.word, member)[self._groups :])

    def claim(self, store: Path) -> None:
        """Make a folder this registry's store, as the publish of its first version does."""
        with psycopg.connect(self.owner) as owner:
            row = owner.execute("SELECT id FROM registry").fetchone()
        assert row is not None
        store.mkdir(parents=True, exist_ok=True)
        marker = f'{{"everyskill":1,"registry":"{row[0]}"}}\n'
        (store / "everyskill.json").write_text(marker, encoding="ascii")

    def state(self) -> list[str]:
        """Every row and every object of the registry, in short."""
        with psycopg.connect(self.admin) as admin:
            return sorted(row[0] for row in admin.execute(STATE + ROWS).fetchall())

    @contextmanager
    def connected(self, name: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection of somebody, in a transaction that is rolled back."""
        with psycopg.connect(self.url(name)) as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    def attempt(self, name: str, statements: Sequence[str]) -> tuple[str, str, int]:
        """Run statements in one transaction and commit: the code and words that refused, else rows.

        The code is empty where nothing refused; the rows are those that the last one changed.
        """
        with psycopg.connect(self.url(name)) as connection:
            try:
                for statement in statements:
                    done = connection.execute(statement.encode())
                connection.commit()
            except psycopg.Error as error:
                connection.rollback()
                return error.sqlstate or "?", str(error), 0
            return "", "", max(done.rowcount, 0)

    def close(self) -> None:
        """Remove the database and the logins."""
        self._server.drop_database(self.admin)
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as admin:
            found = admin.execute(
                "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [self.word]
            )
            for (name,) in found.fetchall():
                admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
