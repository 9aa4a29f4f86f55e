"""Whatever is wrong: its exit code, one sentence, a hint, nothing half done, and no secret told."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from pathlib import Path

import psycopg
import pytest

from everyskill_cli.model import TAGS_MAX, TEXT_MAX
from tests.commands import PROGRAM, Commands, as_ordinary_user, assert_failed, tree
from tests.conftest import Finished
from tests.registries import write_skill
from tests.servers.faults import Fault, FaultProxy
from tests.servers.postgres import BINARIES, OwnPostgresServer
from tests.servers.relay import Answer, Relay
from tests.servers.s3 import S3Server

SECRET = "s3kr3t-Value"
ANN = "ann@example.org"
Environment = Mapping[str, str]
Refused = Callable[..., Finished]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("EVERYSKILL_USER", ANN)
    return Commands(capsys)


@pytest.fixture
def registry(cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local registry with `demo@1`: the folder that holds `registry.db` and `store`."""
    folder = tmp_path / "registry"
    monkeypatch.setenv("EVERYSKILL_HOME", str(folder))
    assert cli("publish", write_skill(tmp_path)).code == 0
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A good skill that nobody has published."""
    return write_skill(tmp_path / "new", "other", a_md="# A\n")


@pytest.fixture
def refused(cli: Commands, home: Path, tmp_path: Path) -> Refused:
    """Run a command that must fail: as promised, leaving every file as it was, telling no secret.

    It fails once more with EVERYSKILL_DEBUG=1, whose traceback tells no secret either.
    """

    def run(code: int, *words: str | Path, says: str = "", **env: str) -> Finished:
        before = tree(home, Path.cwd(), tmp_path)
        done = cli(*words, env=env)
        assert_failed(done, code, *filter(None, says.split("|")))
        traced = cli(*words, env={**env, "EVERYSKILL_DEBUG": "1"})
        assert (traced.code, traced.stdout) == (code, "")
        assert SECRET not in done.stderr + traced.stderr
        assert tree(home, Path.cwd(), tmp_path) == before
        return done

    return run


# The command line.


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("publish nowhere", 2, "nowhere does not exist"),
        ("publish nowhere/SKILL.md", 2, "does not exist"),
        ("publish NEW/SKILL.md/SKILL.md", 2, "does not exist"),
        ("publish NEW --slug Not_A_Slug", 2, "Not_A_Slug"),
        (f"publish NEW --slug {'a' * 65}", 2, "1-64"),
        (f"publish NEW -m {'x' * (TEXT_MAX + 1)}", 2, "2001|2000"),
        ("publish NEW " + " ".join(f"--tag t{n}" for n in range(TAGS_MAX + 1)), 2, "21 tags|20"),
        ("publish NEW --tag UPPER", 2, "UPPER"),
        ("publish NEW --category a--b", 2, "a--b"),
        ("publish NEW --expect -1", 2, "-1"),
        ("publish NEW --expect one", 2, "one"),
        ("publish NEW --expect 3", 5, "does not exist yet|everyskill versions other"),
        ("publish NEW --slug demo --expect 0", 5, "at version 1, not at 0|--expect 1"),
        ("publish NEW ANOTHER", 2, "ANOTHER"),
        ("rate demo", 2, "STARS"),
        ("rate demo 0", 2, "0"),
        ("rate demo 6", 2, "6"),
        ("rate demo x", 2, "x"),
        ("rate demo 4.5", 2, "4.5"),
        ("rate demo -- -1", 2, "-1"),
        (f"rate demo 5 -c {'x' * (TEXT_MAX + 1)}", 2, "2001|2000"),
        ("rate demo 5 --hours-saved -1", 2, "-1"),
        ("rate demo 5 --hours-saved 1001", 2, "1001"),
        ("rate demo 5 --hours-saved 0.5", 2, "0.5"),
        ("rate nobody 5", 4, "no skill nobody|everyskill list"),
        ("rate demo@2 5", 4, "no version 2|everyskill versions demo"),
        ("rate demo@draft 5", 4, "no draft version|demo@1"),
        ("rate demo --remove", 4, "has not rated demo|everyskill ratings demo"),
        ("show nobody", 4, "no skill nobody|everyskill list"),
        ("show demo@2", 4, "no version 2 of demo; its latest is 1"),
        ("show demo@0", 2, "'0'"),
        ("show demo@01", 2, "'01'"),
        ("show demo@newest", 2, "'newest'"),
        ("show demo@", 2, "''"),
        ("show @1", 2, "''"),
        ("show Demo", 2, "'Demo'"),
        ("show ../demo", 2, "'../demo'"),
        ("versions nobody", 4, "no skill nobody"),
        ("diff demo", 4, "no draft version|everyskill diff demo@1"),
        ("diff demo@1", 4, "none before it|everyskill diff demo@1"),
        ("diff demo@1 NEW/absent", 2, "does not exist"),
        ("diff ../demo", 2, "'../demo' does not exist"),
        ("diff Demo", 2, "'Demo'"),
        ("diff demo@1 demo@2", 4, "no version 2"),
        ("diff NEW", 4, "no skill other|everyskill diff SLUG@N"),
        ("ratings nobody", 4, "no skill nobody"),
        ("ratings demo@7", 4, "no version 7"),
        ("list --sort size", 2, "size"),
        ("list --limit 0", 2, "0"),
        ("list --limit 1001", 2, "1001"),
        ("list extra", 2, "extra"),
        ("upgrade --sideways", 2, "--sideways"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_words_that_cannot_be_meant(
    refused: Refused, registry: Path, new: Path, words: str, code: int, says: str
) -> None:
    refused(code, *words.replace("NEW", str(new)).split(), says=says)


def test_a_comment_and_a_message_may_be_as_long_as_is_said(
    cli: Commands, registry: Path, new: Path
) -> None:
    assert cli("publish", new, "-m", "ä" * TEXT_MAX).code == 0
    assert cli("rate", "other", "5", "-c", "ä" * TEXT_MAX).code == 0


# The skill.


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: None, "is empty|SKILL.md"),
        (lambda folder: (folder / "README.md").write_text("# No skill\n"), "has no SKILL.md"),
        (lambda folder: (folder / "SKILL.md").symlink_to("/etc/passwd"), "symbolic link"),
        (lambda folder: (folder / "SKILL.md").symlink_to("nowhere"), "symbolic link"),
        (lambda folder: (folder / "SKILL.md").write_text(""), "SKILL.md"),
        (lambda folder: (folder / "SKILL.md").write_text("---\na: [\n---\n"), "SKILL.md"),
    ],
    ids=["empty", "without-skill-md", "link-out", "dangling-link", "nothing-in-it", "bad-yaml"],
)
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--draft"]], ids=str)
def test_no_skill(
    refused: Refused,
    registry: Path,
    tmp_path: Path,
    make: Callable[[Path], object],
    says: str,
    options: list[str],
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    make(folder)
    refused(3, "publish", folder, *options, says=says)


def test_a_link_out_of_the_tree_beside_a_good_skill(refused: Refused, new: Path) -> None:
    (new / "passwd").symlink_to("/etc/passwd")
    assert "passwd" in refused(3, "publish", new).stderr


def test_strict_refuses_what_else_is_a_warning(cli: Commands, refused: Refused, new: Path) -> None:
    renamed = new.rename(new.parent / "another")
    assert refused(3, "publish", renamed, "--strict", says="folder").code == 3
    done = cli("publish", renamed)
    assert done.code == 0
    assert done.stderr.startswith("warning: ")


def test_a_secret_in_a_skill_is_refused_and_allowed_by_its_id(
    cli: Commands, refused: Refused, registry: Path, new: Path
) -> None:
    key = "AKIA" + "Q3EGR7MVKX2LNPTZ"
    (new / "a_md").write_text(f"key = {key}\n")
    done = refused(3, "publish", new, says="a_md|--allow-secret")
    assert key not in done.stderr
    [allowed] = [word for word in done.stderr.split() if len(word) == 12 and word.isalnum()]
    assert cli("publish", new, "--allow-secret", allowed).code == 0


# SQLite.


def test_a_locked_database_is_named_and_waits_no_longer_than_it_is_told(
    cli: Commands, refused: Refused, registry: Path, new: Path
) -> None:
    url = f"sqlite:///{registry}/registry.db?timeout=1"
    holder = sqlite3.connect(registry / "registry.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    before = tree(registry / "store")
    for words in (["publish", new], ["rate", "demo", "5"]):
        done = cli(*words, env={"EVERYSKILL_DATABASE_URL": url})
        assert_failed(done, 6, "is locked by another program", "Try again")
    assert cli("show", "demo", env={"EVERYSKILL_DATABASE_URL": url}).code == 0
    holder.execute("ROLLBACK")
    holder.close()
    assert cli("list").stdout.count("\n") == 1
    assert cli("publish", new).code == 0
    assert set(before) <= set(tree(registry / "store"))


def test_bytes_that_are_no_database(
    cli: Commands, refused: Refused, registry: Path, new: Path
) -> None:
    database = registry / "registry.db"
    whole = database.read_bytes()
    for data in (b"This is no database. " * 1000, b"\0" * 9000, whole[:4097], whole[: 9 * 4096]):
        database.write_bytes(data)
        for words in (["publish", new], ["show", "demo"], ["upgrade"]):
            done = refused(7, *words, says="not an intact SQLite database|backup")
            assert str(database) in done.stderr
    database.write_bytes(whole)
    assert cli("show", "demo").code == 0


def test_a_database_of_somebody_else(refused: Refused, tmp_path: Path, new: Path) -> None:
    connection = sqlite3.connect(tmp_path / "music.db")
    connection.execute("CREATE TABLE albums (title)")
    connection.commit()
    connection.close()
    url = f"sqlite:///{tmp_path}/music.db"
    for words in (["publish", new], ["list"], ["upgrade"]):
        refused(8, *words, says="another program's tables", EVERYSKILL_DATABASE_URL=url)


def test_a_newer_schema(refused: Refused, registry: Path, new: Path) -> None:
    connection = sqlite3.connect(registry / "registry.db")
    connection.execute("UPDATE everyskill_revision SET version_num = '9999'")
    connection.commit()
    connection.close()
    for words in (["publish", new], ["show", "demo"], ["rate", "demo", "5"], ["upgrade"]):
        refused(8, *words, says="schema 9999, newer|Install a newer everyskill")


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("sqlite:///TMP", 8, "is a folder"),
        ("sqlite:///TMP/new/other/SKILL.md/registry.db", 8, "cannot be made"),
        ("sqlite://", 8, "names no SQLite file|four slashes"),
        ("sqlite:///", 8, "names no SQLite file"),
        ("sqlite:///:memory:", 8, "names no SQLite file"),
        ("sqlite:///TMP/x.db?mode=ro", 8, "?timeout=30"),
        ("sqlite:///TMP/x.db?timeout=soon", 8, "?timeout=30"),
        ("sqlite:///TMP/x.db?timeout=-1", 8, "?timeout=30"),
        ("sqlite:///TMP/x.db?timeout=inf", 8, "?timeout=30"),
        ("sqlite:TMP/x.db", 8, "names no SQLite file"),
        ("sqlite:///TMP/%00.db", 8, "names no SQLite file"),
        ("sqlite:///~nobody-here/x.db", 8, "names no file|an absolute path"),
        ("TMP/x.db", 8, "is not a database URL"),
        (SECRET, 8, "is not a database URL"),
        (f"mysql://root:{SECRET}@localhost/x", 8, "'mysql' is not supported"),
        (f"postgresql://u:{SECRET}@localhost:port/x", 8, "is not a database URL"),
        (f"postgresql://u:p@ss:{SECRET}@localhost/x", 8, "is not a database URL|%40"),
        (f"postgresql://u:p@{SECRET}@localhost/x", 8, "is not a database URL|%40"),
        (f"root:{SECRET}@localhost/x", 8, "is not a database URL"),
        (f"postgresql://u:{SECRET}@localhost/x\n", 8, "is not a database URL"),
        (f"postgresql://u:{SECRET}@host\udcff/x", 8, "is not a database URL"),
    ],
)
def test_a_database_url_that_cannot_be_meant(
    refused: Refused, tmp_path: Path, new: Path, url: str, code: int, says: str
) -> None:
    settings = {
        "EVERYSKILL_DATABASE_URL": url.replace("TMP", str(tmp_path)),
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
    }
    refused(code, "publish", new, says=says, **settings)


@pytest.fixture
def protect() -> Iterator[Callable[..., None]]:
    """Take the right to write from files and folders; the end of the test gives it back."""
    taken: list[Path] = []

    def take(*paths: Path) -> None:
        for path in paths:
            path.chmod(path.stat().st_mode & ~0o222)
            taken.append(path)

    yield take
    for path in taken:
        path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.parametrize("what", ["registry.db", ".", "store"])
def test_what_is_read_only_is_read_and_not_written(
    cli: Commands, registry: Path, new: Path, protect: Callable[..., None], what: str
) -> None:
    inside = {".": [registry / "registry.db"], "store": (registry / "store").rglob("*/")}
    protect(registry / what, *inside.get(what, []))
    before = tree(registry)
    assert_failed(as_ordinary_user("publish", new), 9, str(registry))
    if what == "store":
        assert "other" not in cli("list").stdout
        return
    assert_failed(as_ordinary_user("rate", "demo", "5"), 9, "is read-only for you")
    assert as_ordinary_user("show", "demo", "--content").code == 0
    assert tree(registry) == before


def test_a_folder_that_may_not_be_entered(
    cli: Commands, registry: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", f"sqlite:///{registry}/registry.db")
    monkeypatch.setenv("EVERYSKILL_STORE_URL", f"file://{registry}/store")
    monkeypatch.delenv("EVERYSKILL_HOME")
    mode = registry.stat().st_mode
    registry.chmod(0)
    try:
        for words in (["publish", new], ["list"], ["show", "demo"], ["upgrade"]):
            assert_failed(as_ordinary_user(*words), 9, "registry.db", "EVERYSKILL_DATABASE_URL")
        doctor = as_ordinary_user("doctor", "--json")
    finally:
        registry.chmod(mode)
    assert doctor.code == 8
    checks = {check["name"]: check["status"] for check in doctor.json["results"]}
    assert (checks["database"], checks["store"], checks["user"]) == ("failed", "failed", "ok")
    assert cli("show", "demo").code == 0


@pytest.mark.parametrize("what", [".", "SKILL.md", "a_md"])
def test_a_skill_that_may_not_be_read(cli: Commands, new: Path, home: Path, what: str) -> None:
    mode = (new / what).stat().st_mode
    (new / what).chmod(0)
    try:
        assert_failed(as_ordinary_user("publish", new), 3, "may not be read by this user")
    finally:
        (new / what).chmod(mode)
    assert list(home.iterdir()) == []


def test_a_working_folder_that_is_gone(new: Path) -> None:
    code = "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')"
    command = [sys.executable, "-c", f"{code}; os.execv(sys.argv[1], sys.argv[1:])"]
    for words in (["publish", new], ["list"], ["doctor"]):
        done = subprocess.run([*command, *PROGRAM, *words], capture_output=True, text=True)
        failed = Finished(done.returncode, done.stdout, done.stderr)
        assert_failed(failed, 8, "does not exist any more", "cd ~")


def test_a_home_that_may_not_be_written(
    home: Path, new: Path, protect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYSKILL_HOME", str(home / "sub" / "everyskill"))
    protect(home)
    done = as_ordinary_user("publish", new)
    assert_failed(done, 8, "cannot be made", "EVERYSKILL_HOME")
    assert as_ordinary_user("list").code == 0


# A full disk.

SMALL_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("largest", "says"), [(300_000, "The store"), (36_000, "database")], ids=["store", "rows"]
)
def test_no_file_may_grow_and_nothing_is_half_done(
    cli: Commands, registry: Path, new: Path, largest: int, says: str
) -> None:
    (new / "a_md").write_text("a" * (500_000 if says == "The store" else 10))
    before = cli("show", "demo", "--json").json
    command = [sys.executable, "-c", SMALL_FILES, str(largest), *PROGRAM, "publish", new]
    done = subprocess.run(command, capture_output=True, text=True)
    assert_failed(Finished(done.returncode, done.stdout, done.stderr), 6, says)
    assert not list(registry.rglob(".staging-*"))
    assert cli("show", "demo", "--json").json == before
    assert_failed(cli("show", "other"), 4)
    assert cli("publish", new).stdout.startswith("published other@1\n")
    assert cli("show", "other", "--content").code == 0


FULL_DISK = """
import ctypes, json, os, pathlib, subprocess, sys
folder, new, room, *program = sys.argv[1:]
mounted = ctypes.CDLL(None, use_errno=True).mount(
    b"none", os.fsencode(folder), b"tmpfs", 0, b"size=2m"
)
if mounted != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
os.environ["EVERYSKILL_HOME"] = folder

def run(*words):
    done = subprocess.run([*program, *words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr

answers = [run("publish", new)]
filler = pathlib.Path(folder, "filler")
free = os.statvfs(folder)
filler.write_bytes(bytes(free.f_bavail * free.f_bsize - int(room)))
with pathlib.Path(new, "SKILL.md").open("a") as file:
    file.write("More.\\n")
answers += [run("publish", new)]
left = sorted(path.name for path in pathlib.Path(folder, "store").rglob(".*"))
filler.unlink()
answers += [run("show", "other"), run("publish", new), run("show", "other", "--content")]
print(json.dumps([answers, left]))
"""
OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount", "--"]


def small_disks() -> list[tuple[int, str]]:
    """Bytes that are left on a small disk, and what fails then; none where nobody may make one."""
    script = [sys.executable, "-c", FULL_DISK, "/tmp", "/nowhere", "0", "/bin/false"]
    try:
        tried = subprocess.run([*OWN_MOUNTS, *script], capture_output=True, text=True)
    except OSError:
        return []
    if "mount" in tried.stderr or "unshare" in tried.stderr:
        return []
    return [(0, "The disk of the database"), (49_152, "room left on the disk"), (400_000, "store")]


def test_the_disk_is_full_and_nothing_is_half_done(tmp_path: Path, new: Path) -> None:
    """A file system of 2 MiB, where the system lets an ordinary user have one."""
    (tmp_path / "disk").mkdir()
    for room, says in small_disks():
        (new / "SKILL.md").write_text(f"---\nname: other\ndescription: {room}.\n---\n")
        (new / "a_md").write_text("a" * (600_000 if says == "store" else 10))
        arguments = [str(tmp_path / "disk"), str(new), str(room), *PROGRAM]
        done = subprocess.run(
            [*OWN_MOUNTS, sys.executable, "-c", FULL_DISK, *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done
        answers, left = json.loads(done.stdout)
        first, full, shown, again, text = [Finished(*answer) for answer in answers]
        assert first.stdout.startswith("published other@1\n")
        assert_failed(full, 6, says, "oom" if says == "store" else "Free some space")
        assert left == []
        assert "latest_version: 1\n" in shown.stdout
        assert again.stdout.startswith("published other@2\n")
        assert (text.code, "More." in text.stdout) == (0, True)


# Stores.


@pytest.fixture
def bucket(local_s3: S3Server, tmp_path: Path) -> dict[str, str]:
    """A working bucket with a database of its own; tests spoil one variable of it."""
    return {
        **local_s3.environment(local_s3.prefix()),
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/made/registry.db",
    }


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"R2_ACCESS_KEY_ID": f"{SECRET}AAA"}, 8, "refused the key|R2_ACCESS_KEY_ID"),
        ({"R2_SECRET_ACCESS_KEY": SECRET}, 8, "refused the key|R2_SECRET_ACCESS_KEY"),
        ({"R2_SECRET_ACCESS_KEY": f"{SECRET}\n"}, 8, "line break"),
        ({"R2_ENDPOINT": "127.0.0.1:8333"}, 8, "no https:// URL|R2_ENDPOINT"),
        ({"R2_ENDPOINT": f"http://u:{SECRET}@127.0.0.1"}, 8, "R2_ENDPOINT"),
        ({"R2_ENDPOINT": "https://a.r2.cloudflarestorage.com/bucket"}, 8, "path|R2_BUCKET_NAME"),
        ({"EVERYSKILL_STORE_URL": "s3://no-such-bucket-here"}, 8, "R2_BUCKET_NAME"),
        ({"EVERYSKILL_STORE_URL": "https://example.org"}, 8, "file://|s3://bucket/prefix"),
        ({"EVERYSKILL_STORE_URL": f"s3://key:{SECRET}@bucket"}, 8, "a key never stands in a URL"),
        ({"EVERYSKILL_STORE_URL": "s3://"}, 8, "s3://bucket"),
        ({"EVERYSKILL_STORE_URL": "s3://[bucket/prefix"}, 8, "s3://bucket"),
        ({"EVERYSKILL_STORE_URL": "/var/skills"}, 8, "file://"),
        ({"EVERYSKILL_STORE_URL": "file://var/skills"}, 8, "three slashes"),
        ({"EVERYSKILL_STORE_URL": "file:///etc/passwd"}, 8, "EVERYSKILL_STORE_URL"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_store_that_is_set_up_wrong(
    cli: Commands, bucket: Environment, new: Path, change: Environment, code: int, says: str
) -> None:
    settings = {**bucket, **change}
    if change.get("EVERYSKILL_STORE_URL", "s3://no-").startswith(
        ("s3://no-", "s3://key", "s3://[")
    ):
        settings.pop("R2_BUCKET_NAME")
    for debug in ("0", "1"):
        done = cli("publish", new, env={**settings, "EVERYSKILL_DEBUG": debug})
        told = done.stdout + done.stderr
        assert SECRET not in told
        assert settings["R2_SECRET_ACCESS_KEY"].strip() not in told
        if debug == "0":
            assert_failed(done, code, *says.split("|"))
    assert cli("list", "--json", env=bucket).json["items"] == []
    assert cli("publish", new, env=bucket).stdout.startswith("published other@1\n")


def test_a_bucket_that_does_not_exist_by_its_variable(
    cli: Commands, bucket: Environment, new: Path
) -> None:
    settings = {name: v for name, v in bucket.items() if name != "EVERYSKILL_STORE_URL"}
    done = cli("publish", new, env={**settings, "R2_BUCKET_NAME": "no-such-bucket-here"})
    assert_failed(done, 8, "no such bucket", "Create the bucket")


def test_a_port_where_nobody_listens(
    cli: Commands, bucket: Environment, new: Path, dead_port: int
) -> None:
    endpoint = f"http://127.0.0.1:{dead_port}"
    done = cli("publish", new, env={**bucket, "R2_ENDPOINT": endpoint})
    assert_failed(done, 6, "cannot be reached", "R2_ENDPOINT")


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port of this machine that refuses connections, kept so by being bound."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("status", [200, 403, 404, 502])
def test_a_web_page_where_a_store_should_be(
    cli: Commands, bucket: Environment, new: Path, status: int
) -> None:
    page = [("Content-Type", "text/html"), ("Retry-After", "0")]
    relay = Relay(lambda exchange: exchange.send(Answer(status, page, b"<html>Welcome</html>")))
    try:
        done = cli("publish", new, env={**bucket, "R2_ENDPOINT": relay.endpoint})
    finally:
        relay.close()
    assert done.code in (6, 7, 8, 9)
    assert_failed(done, done.code, "s3://")
    assert "html" not in done.stderr
    assert cli("list", "--json", env=bucket).json["items"] == []


def test_a_store_that_belongs_to_another_registry(
    cli: Commands, bucket: Environment, new: Path, tmp_path: Path
) -> None:
    assert cli("publish", new, env=bucket).code == 0
    other = {**bucket, "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}
    done = cli("publish", new, env=other)
    assert_failed(done, 8, "belongs to another registry", "EVERYSKILL_STORE_URL")
    assert cli("list", "--json", env=other).json["items"] == []


def test_an_object_that_is_gone_and_one_that_was_changed(
    cli: Commands, refused: Refused, registry: Path
) -> None:
    [object_] = (registry / "store" / "sha256").rglob("*/*")
    whole = object_.read_bytes()
    object_.chmod(0o644)
    object_.write_bytes(whole[:-1] + b"X")
    refused(7, "show", "demo", "--content", says="does not hold the bytes")
    object_.unlink()
    refused(7, "show", "demo", "--content", says="are missing|backup")
    assert cli("show", "demo").code == 0


# Half a configuration.

R2 = ("R2_ENDPOINT", "R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
VALUES = dict(zip(R2, ("http://127.0.0.1:9", "bucket", f"{SECRET}-id", SECRET), strict=True))


@pytest.mark.parametrize(
    "given",
    [given for count in (1, 2, 3) for given in combinations(R2, count)],
    ids="+".join,
)
@pytest.mark.parametrize("database", ["", "sqlite:///TMP/x.db", "postgresql://u@127.0.0.1:9/x"])
def test_half_of_the_r2_variables(
    refused: Refused, tmp_path: Path, new: Path, given: tuple[str, ...], database: str
) -> None:
    settings = {name: VALUES[name] for name in given}
    if database:
        settings["EVERYSKILL_DATABASE_URL"] = database.replace("TMP", str(tmp_path))
    for words in (["publish", new], ["list"]):
        done = refused(8, *words, says="Half a store is configured", **settings)
        error, hint = done.stderr.splitlines()
        for name in R2:
            assert name in error
            assert (name in hint) == (name not in given)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (VALUES, "is this machine's default|EVERYSKILL_DATABASE_URL"),
        ({"EVERYSKILL_STORE_URL": "s3://bucket"}, "is remote|EVERYSKILL_DATABASE_URL"),
        (
            {"EVERYSKILL_STORE_URL": f"s3://key:{SECRET}@bucket"},
            "is remote|EVERYSKILL_DATABASE_URL",
        ),
        (
            {"EVERYSKILL_DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/x"},
            "default folder|R2_BUCKET_NAME",
        ),
        (
            {**VALUES, "EVERYSKILL_STORE_URL": f"s3://key:{SECRET}@other"},
            "R2_BUCKET_NAME is bucket|Unset one",
        ),
    ],
    ids=["r2-alone", "s3-alone", "s3-with-a-login", "postgresql-alone", "two-buckets"],
)
def test_a_shared_half_and_a_default_half(
    refused: Refused, new: Path, settings: Environment, says: str
) -> None:
    for words in (["publish", new], ["show", "demo"], ["upgrade"]):
        refused(8, *words, says=says, **settings)


@pytest.mark.parametrize("name", [*R2, "R2_REGION", "EVERYSKILL_DATABASE_URL", "EVERYSKILL_USER"])
def test_a_variable_that_is_set_to_nothing(refused: Refused, new: Path, name: str) -> None:
    """CI sets a secret that it does not have to nothing; that must not publish somewhere else."""
    for words in (["publish", new], ["list"]):
        refused(8, *words, says=f"{name} is set to nothing|unset it", **{name: ""})


# PostgreSQL.


def test_postgresql_without_its_driver(
    refused: Refused, tmp_path: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    settings = {
        "EVERYSKILL_DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/x",
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
    }
    for words in (["publish", new], ["list"], ["upgrade"]):
        refused(8, *words, says="driver is not installed|pip install 'psycopg[binary]'", **settings)


@pytest.fixture(scope="module")
def strict_postgres(outer_environment: Environment) -> Iterator[OwnPostgresServer]:
    """A server that asks `guest` for a password, and nobody else."""
    with OwnPostgresServer(outer_environment.get(BINARIES)) as server:
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text("host all guest 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{SECRET}'".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("postgresql://u:S@127.0.0.1:DEAD/x", 6, "refused|that the server runs"),
        ("postgresql://u:S@no-such-host.invalid/x", 6, "no-such-host.invalid|that the server runs"),
        ("postgresql://postgres:S@SERVER/no_such_database", 8, "no_such_database"),
        ("postgresql://no_such_role:S@SERVER/postgres", 8, "no_such_role"),
        ("postgresql://postgres@SERVER/postgres?password=S&nonsense=1", 8, "nonsense"),
        ("postgresql://postgres@SERVER/postgres?password=S&sslmode=require", 8, "SSL"),
        ("postgresql://postgres@SERVER/postgres?password=S&sslmode=perhaps", 8, "sslmode"),
        ("postgres://postgres:S@SERVER/template1", 8, "no registry yet|everyskill upgrade"),
    ],
)
def test_postgresql_that_does_not_let_us_in(
    refused: Refused,
    strict_postgres: OwnPostgresServer,
    dead_port: int,
    tmp_path: Path,
    new: Path,
    url: str,
    code: int,
    says: str,
) -> None:
    url = url.replace("SERVER", f"127.0.0.1:{strict_postgres.port}")
    settings = {
        "EVERYSKILL_DATABASE_URL": url.replace("DEAD", str(dead_port))
        .replace(":S@", f":{SECRET}@")
        .replace("password=S", f"password={SECRET}"),
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
    }
    refused(code, "publish", new, says=says, **settings)


def test_a_wrong_password_and_a_role_that_may_not(
    cli: Commands, refused: Refused, strict_postgres: OwnPostgresServer, tmp_path: Path, new: Path
) -> None:
    url = strict_postgres.create_database()

    def settings(login: str) -> dict[str, str]:
        return {
            "EVERYSKILL_DATABASE_URL": url.replace("postgres@", f"{login}@"),
            "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
        }

    wrong, right, owner = (
        settings(f"guest:{SECRET}x"),
        settings(f"guest:{SECRET}"),
        settings("postgres"),
    )
    for words in (["publish", new], ["list"], ["upgrade"]):
        refused(8, *words, says="password authentication failed", **wrong)
        refused(8, *words, says="no password supplied", **settings("guest"))
    refused(8, "publish", new, says="everyskill upgrade", **right)
    refused(9, "upgrade", says="permission denied|role", **right)
    assert cli("upgrade", env=owner).code == 0
    refused(9, "list", says="permission denied", **right)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    assert cli("list", env=right).code == 0
    assert_failed(cli("publish", new, env=right), 9, "bound to no user", "--role publisher")
    assert cli("list", "--json", env=right).json["items"] == []


def test_a_newer_schema_on_postgresql(
    cli: Commands, refused: Refused, postgres_url: str, tmp_path: Path, new: Path
) -> None:
    settings = {
        "EVERYSKILL_DATABASE_URL": postgres_url,
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
    }
    assert cli("upgrade", env=settings).code == 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE everyskill_revision SET version_num = '9999'")
    for words in (["publish", new], ["list"], ["upgrade"]):
        refused(8, *words, says="schema 9999, newer|Install a newer", **settings)


# Settings files.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("store_url = \n", "is not TOML"),
        ("\x00", "is not TOML"),
        ("[" * 100_000, "is not TOML"),
        ("user = " + "9" * 5_000, "is not TOML"),
        ('colour = "red"\n', "'colour', which is no setting|store_url"),
        ("user = 7\n", "user in|must be a text"),
        ('user = ""\n', "user in|must be a text"),
        ('[store_url]\nurl = "x"\n', "store_url in|must be a text"),
        (f's3_secret_access_key = "{SECRET}"\n', "secrets do not belong|R2_SECRET_ACCESS_KEY"),
        (f's3_access_key_id = "{SECRET}"\n', "secrets do not belong|R2_ACCESS_KEY_ID"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
@pytest.mark.parametrize("place", ["everyskill.toml", "config.toml"])
def test_a_settings_file_that_cannot_be_meant(
    refused: Refused, tmp_path: Path, new: Path, place: str, text: str, says: str
) -> None:
    folder = Path.cwd() if place == "everyskill.toml" else tmp_path / "own"
    folder.mkdir(exist_ok=True)
    (folder / place).write_text(text)
    for words in (["publish", new], ["config"], ["list"], ["doctor"]):
        done = refused(8, *words, says=says, EVERYSKILL_HOME=str(tmp_path / "own"))
        assert place in done.stderr


def test_a_password_in_the_file_that_is_meant_to_be_committed(refused: Refused, new: Path) -> None:
    Path("everyskill.toml").write_text(f'database_url = "postgresql://u:{SECRET}@host/x"\n')
    refused(8, "publish", new, says="meant to be committed|EVERYSKILL_DATABASE_URL")


def test_a_user_in_the_file_that_is_meant_to_be_committed(refused: Refused, new: Path) -> None:
    Path("everyskill.toml").write_text('user = "eve@example.org"\n')
    refused(8, "publish", new, says="meant to be committed|EVERYSKILL_USER")


def test_a_settings_file_that_is_no_text(refused: Refused, new: Path) -> None:
    Path("everyskill.toml").write_bytes(b"\xff\xfe")
    refused(8, "publish", new, says="cannot be read")


# The user.


@pytest.mark.parametrize("user", ["ann", "@", "ann@", "a b@c", "a@b@c", "a@b\n", "a" * 300 + "@b"])
def test_a_user_who_is_no_email_address(
    refused: Refused, registry: Path, new: Path, user: str
) -> None:
    for words in (["publish", new], ["rate", "demo", "5"]):
        refused(8, *words, says="is not an email address|EVERYSKILL_USER", EVERYSKILL_USER=user)


def test_nobody_on_a_shared_registry(
    cli: Commands,
    postgres_url: str,
    tmp_path: Path,
    new: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EVERYSKILL_USER")
    settings = {
        "EVERYSKILL_DATABASE_URL": postgres_url,
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
    }
    assert cli("upgrade", env=settings).code == 0
    for words in (["publish", new], ["rate", "demo", "5"]):
        assert_failed(cli(*words, env=settings), 8, "who you are", "EVERYSKILL_USER")
    assert cli("list", env=settings).code == 0
    assert not (tmp_path / "store").exists()


def test_a_proxy_that_resets_every_connection(
    cli: Commands,
    fault_environment: Environment,
    fault_proxy: FaultProxy,
    tmp_path: Path,
    new: Path,
) -> None:
    settings = {**fault_environment, "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/r.db"}
    fault_proxy.order(*[Fault.RESET] * 50)
    assert_failed(cli("publish", new, env=settings), 6, "broke off", "run the same command again")
    fault_proxy.forget()
    assert cli("list", "--json", env=settings).json["items"] == []
    assert cli("publish", new, env=settings).stdout.startswith("published other@1\n")
