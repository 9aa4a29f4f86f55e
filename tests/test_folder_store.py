"""The folder store against kills at every step, full and read-only disks, and hostile roots."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from everyskill_cli.errors import (
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotReady,
    Unavailable,
)
from everyskill_cli.stores import MARKER, Store, content_key, open_store

DATA = b"# A skill\n" * 20_000
KEY = content_key(hashlib.sha256(DATA).hexdigest())
SHARD = KEY.rpartition("/")[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root.as_uri())


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


# Kills


# Runs one write in a child for each of its calls to the operating system, and kills the child
# right before that call, until a child comes through. Prints what each child left behind.
KILLER = """
import os, signal, sys
from everyskill_cli.stores import open_store

root, key, data, work = sys.argv[1], sys.argv[2], sys.stdin.buffer.read(), sys.argv[3]
CALLS = ("open", "mkdir", "write", "fsync", "link", "replace", "unlink", "close", "stat")

def run(stop):
    store = open_store("file://" + root + "/" + str(stop))
    if work == "heal":
        os.makedirs(os.path.dirname(store.location(key)))
        open(store.location(key), "wb").write(b"rotten")
    count = 0
    def watched(call):
        def instead(*args, **kwargs):
            nonlocal count
            if count == stop:
                os.kill(os.getpid(), 9)
            count += 1
            if call is real["write"]:  # a kill in the midst of a write, too
                return call(args[0], args[1][: len(args[1]) // 2 + 1])
            return call(*args, **kwargs)
        return instead
    real = {name: getattr(os, name) for name in CALLS}
    for name, call in real.items():
        setattr(os, name, watched(call))
    if work == "claim":
        store.claim("registry-1")
    else:
        store.put(key, data, "text/plain")

for stop in range(10_000):
    child = os.fork()
    if child == 0:
        run(stop)
        os._exit(0)
    ended = os.waitpid(child, 0)[1]
    if ended != 9:
        break
print(stop)
sys.exit(ended != 0)
"""


def killed_at_every_call(root: Path, work: str) -> Iterator[Store]:
    """Yield the store that each kill left behind."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(root), KEY, work],
        input=DATA,
        capture_output=True,
        check=True,
    )
    stops = int(done.stdout)
    assert stops > 20, "the calls were not watched"
    for stop in range(stops):
        yield open_store((root / str(stop)).as_uri())


@pytest.mark.parametrize("work", ["put", "heal"])
def test_a_put_killed_at_any_call_leaves_whole_or_nothing_and_runs_again(
    root: Path, work: str
) -> None:
    seen = set()
    for store in killed_at_every_call(root, work):
        size = store.head(KEY)
        seen.add(size)
        if size == len(DATA):
            assert store.get(KEY) == DATA
        listed = [found.size for found in store.list()]
        assert listed == ([] if size is None else [size])
        store.put(KEY, DATA, "text/plain")
        assert store.get(KEY) == DATA
    # Both outcomes were met, and nothing between them.
    assert seen == {None if work == "put" else len(b"rotten"), len(DATA)}


def test_a_claim_killed_at_any_call_leaves_a_whole_marker_or_none(root: Path) -> None:
    seen = set()
    for store in killed_at_every_call(root, "claim"):
        seen.add(store.marker())
        store.claim("registry-1")
        assert store.marker() == "registry-1"
    assert seen == {None, "registry-1"}


def test_leftovers_of_a_kill_are_listed_nowhere_and_stay_out_of_the_way(
    store: Store, root: Path
) -> None:
    (root / SHARD).mkdir(parents=True)
    (root / SHARD / ".staging-0123456789abcdef").write_bytes(b"half")
    (root / ".staging-0123456789abcdef").write_bytes(b"half")
    assert list(store.list()) == []
    store.put(KEY, DATA, "text/plain")
    assert [found.key for found in store.list()] == [KEY]


# Disks


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """Be somebody whom file modes bind: root is somebody else for the while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach: pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


def test_a_folder_that_may_not_be_written_is_forbidden(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    store = open_store(open_folder.as_uri())
    below = open_store((open_folder / "new" / "store").as_uri())
    with bound_by_modes():
        for refused in (store, below):
            with pytest.raises(Forbidden) as caught:
                refused.put(KEY, DATA, "text/plain")
            assert str(open_folder) in caught.value.message
            assert caught.value.hint
        assert [check.status for check in below.probe()] == ["failed"]
        assert [check.status for check in store.probe()] == ["ok", "failed"]
    assert list(open_folder.iterdir()) == []


def test_an_object_that_may_not_be_read_is_forbidden(open_folder: Path) -> None:
    store = open_store(open_folder.as_uri())
    store.put(KEY, DATA, "text/plain")
    Path(store.location(KEY)).chmod(0)
    with bound_by_modes(), pytest.raises(Forbidden):
        store.get(KEY)


# Writes with a real limit of the kernel on a file's size, and prints the error's class.
SMALL_DISK = """
import resource, signal, sys
from everyskill_cli.errors import EveryskillError
from everyskill_cli.stores import open_store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    open_store("file://" + sys.argv[1]).put(sys.argv[2], sys.stdin.buffer.read(), "text/plain")
except EveryskillError as error:
    print(type(error).__name__)
"""


def test_a_write_that_the_kernel_cuts_short_leaves_nothing(store: Store, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(root), KEY],
        input=DATA,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"Unavailable\n"
    assert files(root) == []
    store.put(KEY, DATA, "text/plain")


@pytest.mark.parametrize("call", ["mkdir", "open", "write", "fsync", "link"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, Unavailable),
        (errno.EDQUOT, Unavailable),
        (errno.EIO, Unavailable),
        (errno.EMFILE, Unavailable),
        (errno.EROFS, Forbidden),
        (errno.EACCES, Forbidden),
    ],
)
def test_what_the_disk_refuses_has_its_class_and_leaves_no_staging_file(
    store: Store,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    expected: type[EveryskillError],
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    root.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(expected) as caught:
            store.put(KEY, DATA, "text/plain")
    assert str(root) in caught.value.message
    assert caught.value.hint
    assert files(root) == []
    store.put(KEY, DATA, "text/plain")
    assert store.get(KEY) == DATA


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_links_works_and_doctor_says_what_is_lost(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    store.claim("registry-1")
    store.put(KEY, DATA, "text/plain")
    assert store.get(KEY) == DATA
    assert files(root) == [MARKER, KEY]
    warned = [check.name for check in store.probe() if check.status != "ok"]
    assert warned == ["store-links"]


def test_a_file_system_that_cannot_sync_folders_works(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no folders")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    store.put(KEY, DATA, "text/plain")
    assert store.get(KEY) == DATA


def test_everything_is_synced_before_put_returns(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        seen = os.fstat(descriptor)
        synced.append((seen.st_dev, seen.st_ino))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.put(KEY, DATA, "text/plain")
    for path in (root / KEY, root / SHARD, root / "sha256", root, root.parent):
        seen = path.stat()
        assert (seen.st_dev, seen.st_ino) in synced, path


# Roots


def test_reading_a_root_that_does_not_exist_finds_nothing_and_makes_nothing(
    store: Store, root: Path
) -> None:
    assert store.head(KEY) is None
    assert store.marker() is None
    assert list(store.list()) == []
    store.delete(KEY)
    assert [(check.name, check.status) for check in store.probe()] == [("store", "ok")]
    assert not root.exists()


@pytest.mark.parametrize("below", ["", "/sub/store"])
def test_a_root_that_is_a_file_or_lies_below_one_is_not_ready(root: Path, below: str) -> None:
    root.write_text("not a folder")
    store = open_store(root.as_uri() + below)
    with pytest.raises(NotReady):
        store.put(KEY, DATA, "text/plain")
    with pytest.raises(NotReady):
        store.head(KEY)
    assert store.probe()[-1].status == "failed"
    assert root.read_text() == "not a folder"


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    root.symlink_to(tmp_path / "disk")
    store = open_store(root.as_uri())
    store.put(KEY, DATA, "text/plain")
    assert (tmp_path / "disk" / KEY).read_bytes() == DATA


@pytest.mark.parametrize("part", ["sha256", SHARD])
def test_a_folder_below_the_root_that_leads_out_of_it_is_not_followed(
    store: Store, root: Path, tmp_path: Path, part: str
) -> None:
    outside = tmp_path / "outside"
    (outside / KEY).parent.mkdir(parents=True)
    (outside / KEY).write_bytes(DATA)
    (root / part).parent.mkdir(parents=True)
    (root / part).symlink_to(outside / part)
    before = files(outside)
    for act in (
        lambda: store.get(KEY),
        lambda: store.head(KEY),
        lambda: store.put(KEY, DATA, "text/plain"),
        lambda: store.delete(KEY),
        lambda: list(store.list()),
    ):
        with pytest.raises(IntegrityFailure) as caught:
            act()
        assert str(root / part) in caught.value.message
    assert files(outside) == before
    assert (outside / KEY).read_bytes() == DATA


def test_an_object_that_is_a_link_is_neither_read_nor_written_through(
    store: Store, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(DATA)
    (root / SHARD).mkdir(parents=True)
    (root / KEY).symlink_to(outside)
    for act in (
        lambda: store.get(KEY),
        lambda: store.head(KEY),
        lambda: store.put(KEY, DATA, "text/plain"),
    ):
        with pytest.raises(IntegrityFailure):
            act()
    assert list(store.list()) == []
    assert outside.read_bytes() == DATA
    store.delete(KEY)
    assert outside.read_bytes() == DATA
    assert not (root / KEY).is_symlink()


def test_a_marker_that_is_a_link_is_not_believed(store: Store, root: Path, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"everyskill":1,"registry":"registry-1"}\n')
    root.mkdir()
    (root / MARKER).symlink_to(tmp_path / "other.json")
    with pytest.raises(IntegrityFailure):
        store.claim("registry-1")


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder"])
def test_what_is_no_file_is_refused_and_never_waited_for(
    store: Store, root: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / SHARD).mkdir(parents=True)
    if kind == "fifo":
        os.mkfifo(root / KEY)
    elif kind == "folder":
        (root / KEY).mkdir()
    else:
        monkeypatch.chdir(root / SHARD)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(KEY.rpartition("/")[2])
    for act in (lambda: store.get(KEY), lambda: store.put(KEY, DATA, "text/plain")):
        with pytest.raises(IntegrityFailure):
            act()


def test_a_hard_link_to_somebody_elses_file_is_replaced_not_written(
    store: Store, root: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"their own words")
    (root / SHARD).mkdir(parents=True)
    os.link(theirs, root / KEY)
    store.put(KEY, DATA, "text/plain")
    assert store.get(KEY) == DATA
    assert theirs.read_bytes() == b"their own words"


def test_files_are_readable_by_others_and_the_umask_is_obeyed(root: Path) -> None:
    for mask, file_mode, folder_mode in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700)):
        store = open_store((root / oct(mask)).as_uri())
        before = os.umask(mask)
        try:
            store.put(KEY, DATA, "text/plain")
        finally:
            os.umask(before)
        path = Path(store.location(KEY))
        assert stat.S_IMODE(path.stat().st_mode) == file_mode
        assert stat.S_IMODE(path.parent.stat().st_mode) == folder_mode


def test_eight_writers_that_make_the_same_store_at_once_all_succeed(root: Path) -> None:
    start = threading.Barrier(8)

    def put(_: int) -> None:
        store = open_store(root.as_uri())
        start.wait()
        store.put(KEY, DATA, "text/plain")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(8)))
    assert files(root) == [KEY]


@pytest.mark.parametrize(
    "url",
    [
        "file://",
        "file:///",
        "file://server/share",
        "file://skills",
        "file:///a%00b",
        "file:relative",
        "/just/a/path",
        "https://example.com/x",
        "",
    ],
)
def test_a_url_that_names_no_folder_of_this_machine_is_not_ready(url: str) -> None:
    with pytest.raises(NotReady) as caught:
        open_store(url)
    assert "file:///" in caught.value.hint


@pytest.mark.parametrize("name", ["with space", "ünï ☃", "a#b?c", "100%", "%41", "new\nline"])
def test_any_name_of_a_folder_survives_its_url(tmp_path: Path, name: str) -> None:
    store = open_store((tmp_path / name).as_uri())
    store.put(KEY, DATA, "text/plain")
    assert (tmp_path / name / KEY).read_bytes() == DATA
    assert store.location(KEY) == str(tmp_path / name / KEY)
    assert store.url == (tmp_path / name).as_uri()
