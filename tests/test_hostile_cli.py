"""Hostile folders, files and archives through the program: refused at once, nothing left behind."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from everyskill_cli.chain import details_hash
from everyskill_cli.database.engine import Database
from everyskill_cli.database.queries import skills, users, versions
from everyskill_cli.database.tables import skill_versions
from everyskill_cli.model import NewSkill
from everyskill_cli.registry import Registry, events
from everyskill_cli.skill.secret_kinds import KINDS, SecretKind
from everyskill_cli.stores import OBJECT_MAX, content_key
from tests.audit import audit_records
from tests.commands import Commands, assert_failed, assert_json_failure, rows, tree
from tests.conftest import Everyskill, Finished
from tests.figures import Count
from tests.hostile import ARCHIVES, FOLDERS, Hostile, HostileArchive, many_files
from tests.limits import MEMORY_MAX, SECONDS_MAX, limited
from tests.payloads import HIDDEN
from tests.registries import make_registry, write_skill
from tests.rows import allocate, make_version
from tests.test_secrets import TOKENS

NOT_THERE = ("missing", "below-a-file")  # a usage error: nothing is there that could be hostile


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    return Commands(capsys)


def at_once(*words: str | Path) -> Finished:
    """Run a command that needs two seconds of CPU at most and 150 MB more than its start.

    Nothing of what is hostile reaches the terminal as it is.
    """
    done = limited(*words)
    assert done.seconds < SECONDS_MAX
    assert done.memory < MEMORY_MAX
    for text in (done.stdout, done.stderr):
        assert "Traceback" not in text
        assert HIDDEN.search(text) is None, ascii(text)
    return Finished(done.code, done.stdout, done.stderr)


# What somebody publishes.


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_what_is_hostile_is_refused_at_once_and_leaves_nothing(
    cli: Commands, home: Path, tmp_path: Path, case: Hostile, count: Count
) -> None:
    path = case.build(tmp_path)
    done = at_once("publish", path)
    count("hostile folders", folders=1, commands=2)
    if case.name in NOT_THERE:
        assert_failed(done, 2, "does not exist")
        return
    assert_failed(done, 3)
    refusal = at_once("publish", path, "--json", "--dry-run")
    assert_json_failure(refusal, 3, "InvalidSkill")
    assert refusal.error["rule"] == case.rule
    assert list(home.iterdir()) == []
    if case.name.startswith("1"):  # pytest keeps what a test leaves for days
        shutil.rmtree(path)


@pytest.mark.long
def test_a_hundred_thousand_files_are_refused_at_once(tmp_path: Path, count: Count) -> None:
    folder = write_skill(tmp_path)
    many_files(folder)
    for command in ("publish", "check"):
        done = at_once(command, folder, "--json")
        assert done.code == 3
        assert "too-many-files" in done.stdout + done.stderr
    count("hostile folders", folders=1, commands=2)
    shutil.rmtree(folder)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.rule)
def test_a_secret_of_each_kind_is_refused_and_never_said(
    cli: Commands, home: Path, tmp_path: Path, kind: SecretKind, count: Count
) -> None:
    """In a file beside SKILL.md; test_secrets.py has more of each kind."""
    for number, (_, secret) in enumerate(TOKENS):
        if not any(re.search(pattern, secret.encode()) for pattern in kind.patterns()):
            continue
        folder = write_skill(tmp_path / str(number), scripts__run_sh=f"x={secret}\n")
        done = at_once("publish", folder, "--json")
        assert done.code == 3
        told = done.stdout + done.stderr
        assert kind.rule in told
        for part in re.findall(r"[A-Za-z0-9/+]{16,}", secret):
            assert part not in told
        count("hostile folders", folders=1, commands=1)
        break
    else:
        pytest.fail(f"no token of {kind.rule}")
    assert list(home.iterdir()) == []


class Restless:
    """Somebody who changes a skill's folder all the time, in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        """Rewrite, replace by a link, remove and make again what may be read right now."""
        file, aside = self._folder / "a_md", self._folder.parent / "aside"
        steps = (
            lambda: file.write_text("A" * 5_000),
            lambda: file.write_text("B" * 100_000),
            file.unlink,
            lambda: file.symlink_to("/etc/passwd"),
            file.unlink,
            file.mkdir,
            file.rmdir,
            lambda: os.mkfifo(file),
            file.unlink,
            lambda: self._folder.rename(aside),
            lambda: aside.rename(self._folder),
        )
        while not self._over.is_set():
            for step in steps:
                step()


def test_a_folder_that_never_stands_still(
    cli: Commands, home: Path, tmp_path: Path, count: Count
) -> None:
    folder = write_skill(tmp_path / "tree", a_md="A" * 5_000, z_md="Z")
    codes = Counter()
    with Restless(folder):
        for _ in range(30):
            done = cli("publish", folder)
            codes[done.code] += 1
            assert done.code in (0, 2, 3), done
            assert "Traceback" not in done.stderr
    count("hostile folders", folders=1, commands=30)
    assert codes[3] > 0, codes
    if not codes[0]:
        return
    with Database(f"sqlite:///{home}/.local/share/everyskill/registry.db") as database:
        audit_records(database)
        with database.reading() as tx:
            stored = tx.execute(select(skill_versions.c.files)).scalars().all()
    root = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
    assert all(entry["sha256"] != root for files in stored for entry in files)


def test_a_registry_with_skills_is_as_it_was(cli: Commands, home: Path, tmp_path: Path) -> None:
    assert cli("publish", write_skill(tmp_path)).code == 0
    before = tree(home)
    for number, case in enumerate(case for case in FOLDERS if case.rule in ("symlink", "yaml-tag")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert cli("publish", case.build(folder), "--slug", "demo").code in (2, 3)
    assert tree(home) == before


@pytest.mark.parametrize("name", ["fifo", "11000-files-left-out", "json-deep", "escape-in-name"])
def test_a_process_of_its_own_refuses_the_same(
    everyskill: Everyskill, home: Path, tmp_path: Path, name: str
) -> None:
    [case] = [case for case in FOLDERS if case.name == name]
    assert_failed(everyskill("publish", case.build(tmp_path)), 3)
    assert list(home.iterdir()) == []


# What a store returns.


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that the commands use too."""
    url = f"sqlite:///{tmp_path}/registry.db"
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", url)
    monkeypatch.setenv("EVERYSKILL_STORE_URL", f"file://{tmp_path}/store")
    opened = make_registry(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def stored(registry: Registry, tmp_path: Path) -> Callable[..., Path]:
    """Write a version's row and its object as a lying publisher might, past every check of ours."""

    def add(data: bytes, content_type: str, content_hash: str | None = None) -> Path:
        content_hash = content_hash or hashlib.sha256(data).hexdigest()
        with registry.database.writing() as tx:
            user_id = users.ensure(tx, "eve@example.org")
            skill = NewSkill(
                id=str(uuid.uuid4()),
                slug="hostile",
                name="hostile",
                description="A skill that is not what it seems.",
                category=None,
                tags=(),
                author_id=user_id,
            )
            skills.add(tx, [skill])
            skill_id, number, now = allocate(tx, "hostile")
            honest = make_version(skill_id, user_id, number, now)
            version = replace(
                honest,
                content_hash=content_hash,
                content_url=content_key(content_hash),
                content_type=content_type,
                size_bytes=min(len(data), OBJECT_MAX),  # the row is honest where it has to be
                details_hash=details_hash(
                    name=honest.name,
                    description=honest.description,
                    content_type=content_type,
                    files=honest.files,
                    metadata=honest.metadata,
                    message=honest.message,
                ),
            )
            versions.add(tx, [version])
            act = events.Act(
                id=str(uuid.uuid4()), kind="publish", slug="hostile", actor_id=user_id, at=now
            )
            events.append(tx, [(act, version)])
        registry.close()  # an open connection keeps its log beside the file
        place = tmp_path / "store" / version.content_url
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return place

    return add


def show(*words: str | Path) -> Finished:
    return at_once("show", "hostile", "--content", *words)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if number % 4 == 0 else pytest.mark.long)
        for number, case in enumerate(ARCHIVES)
    ],
)
def test_an_archive_that_breaks_a_rule_though_its_hash_is_right(
    stored: Callable[..., Path], tmp_path: Path, case: HostileArchive, count: Count
) -> None:
    data = case.build()
    count("hostile archives", archives=1, commands=2)
    stored(data, case.content_type)
    if case.rule == "bundle-too-large":  # more than a store ever reads of an object
        assert_failed(show(), 7)
        return
    assert_failed(show("-o", tmp_path / "answer"), 3)
    refusal = show("--json")
    assert_json_failure(refusal, 3, "InvalidSkill")
    assert refusal.error["rule"] == case.rule
    assert not (tmp_path / "answer").exists()


def test_a_hostile_archive_is_still_shown_without_its_content(
    cli: Commands, stored: Callable[..., Path], tmp_path: Path
) -> None:
    stored(b"PK", "application/zip")
    before = tree(tmp_path)
    assert_failed(show(), 3)
    for words in (["show", "hostile"], ["show", "hostile", "--files"], ["versions", "hostile"]):
        assert cli(*words).code == 0
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data + b"x", lambda data: data[:-1], lambda data: b""],
    ids=["longer", "shorter", "empty"],
)
def test_an_object_whose_hash_is_wrong(
    cli: Commands,
    registry: Registry,
    tmp_path: Path,
    spoil: Callable[[bytes], bytes],
) -> None:
    assert cli("publish", write_skill(tmp_path, "hostile", a_md="# A\n")).code == 0
    [place] = (tmp_path / "store" / "sha256").rglob("*/*")
    place.chmod(0o644)
    place.write_bytes(spoil(place.read_bytes()))
    before = rows(registry.settings.database_url)
    assert_failed(show(), 7, "does not hold the bytes that were published")
    assert_json_failure(show("--json"), 7, "IntegrityFailure")
    assert_failed(show("-o", tmp_path / "answer"), 7)
    assert not (tmp_path / "answer").exists()
    assert rows(registry.settings.database_url) == before


def test_a_good_archive_of_other_files_than_the_row_names(
    cli: Commands, registry: Registry, stored: Callable[..., Path], tmp_path: Path
) -> None:
    """The row has an empty manifest here, so the object is whole, right and not what it says."""
    assert cli("publish", write_skill(tmp_path, "good", a_md="# A\n")).code == 0
    [place] = (tmp_path / "store" / "sha256").rglob("*/*")
    stored(place.read_bytes(), "application/zip")
    assert_failed(show(), 7)


def test_a_link_in_place_of_an_object(
    cli: Commands, registry: Registry, stored: Callable[..., Path], tmp_path: Path
) -> None:
    place = stored(b"# Text\n", "text/markdown; charset=utf-8")
    place.unlink()
    (tmp_path / "secret").write_bytes(b"# Text\n")
    place.symlink_to(tmp_path / "secret")
    assert_failed(show(), 7, "is a link")
