"""The contract of stores, the same for every one: a folder, a real S3 server, and moto."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everyskill_cli.errors import EveryskillError, IntegrityFailure, NotFound, NotReady
from everyskill_cli.settings import S3Settings
from everyskill_cli.stores import MARKER, OBJECT_MAX, Store, content_key, open_store, s3
from tests.servers.s3 import Promises, S3Server

DATA = b"# A skill\n"
ID = "0e9b6f3a-3f0e-4b55-9d6d-6a4f1b0c7d11"
OTHER = "5f0c2c1e-8a66-4f0f-bb0a-0f5a3b1d9e22"


def key_of(data: bytes) -> str:
    return content_key(hashlib.sha256(data).hexdigest())


@dataclass
class Place:
    """Where one test keeps objects: how to open the store, and how to go behind its back."""

    url: str
    settings: S3Settings | None
    promises: Promises
    plant: Callable[[str, bytes], None]
    names: Callable[[], list[str]]
    opened: ExitStack = field(default_factory=ExitStack)

    def open(self) -> Store:
        return self.opened.enter_context(open_store(self.url, self.settings))


def folder_place(root: Path) -> Place:
    def plant(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def names() -> list[str]:
        paths = (path for path in root.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(root).as_posix() for path in paths)

    return Place(root.as_uri(), None, Promises(), plant, names)


def settings_of(server: S3Server, endpoint: str | None = None) -> S3Settings:
    return S3Settings(endpoint or server.endpoint, server.access_key, server.secret_key)


def s3_place(server: S3Server) -> Place:
    prefix = server.prefix()

    def plant(key: str, data: bytes) -> None:
        server.client.put_object(Bucket=server.bucket, Key=f"{prefix}/{key}", Body=data)

    def names() -> list[str]:
        return [key.removeprefix(f"{prefix}/") for key in server.keys(f"{prefix}/")]

    url = f"s3://{server.bucket}/{prefix}"
    return Place(url, settings_of(server), server.promises, plant, names)


@pytest.fixture(params=["folder", "s3_server", "moto_server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        place = folder_place(tmp_path / "store")
    else:
        place = s3_place(request.getfixturevalue(request.param))
    with place.opened:
        yield place


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()


# Objects


def test_what_was_put_is_got_back(store: Store) -> None:
    for data in (b"", b"\0", DATA, bytes(range(256)) * 20_000):
        key = key_of(data)
        store.put(key, data, "application/zip")
        assert store.get(key) == data
        assert store.head(key) == len(data)


def test_the_key_of_an_object_never_changes(place: Place, store: Store) -> None:
    digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
    assert content_key(digest) == f"sha256/b9/{digest}"
    store.put(f"sha256/b9/{digest}", b"hello world", "text/plain")
    assert place.names() == [f"sha256/b9/{digest}"]


def test_an_object_of_the_largest_size_fits_and_one_byte_more_is_refused(
    place: Place, store: Store
) -> None:
    data = bytes(OBJECT_MAX)
    store.put(key_of(data), data, "application/zip")
    assert store.head(key_of(data)) == OBJECT_MAX == 50 * 1024 * 1024
    assert store.get(key_of(data)) == data
    with pytest.raises(ValueError, match="at most"):
        store.put(key_of(data + b"\0"), data + b"\0", "application/zip")
    assert place.names() == [key_of(data)]


def test_putting_again_changes_nothing(place: Place, store: Store) -> None:
    for _ in range(3):
        store.put(key_of(DATA), DATA, "text/plain")
    assert store.get(key_of(DATA)) == DATA
    assert place.names() == [key_of(DATA)]


def test_bytes_that_do_not_hash_to_their_key_are_not_stored(place: Place, store: Store) -> None:
    with pytest.raises(IntegrityFailure):
        store.put(key_of(DATA), DATA + b"!", "text/plain")
    assert place.names() == []


def test_what_is_absent_is_not_found(store: Store) -> None:
    assert store.head(key_of(DATA)) is None
    with pytest.raises(NotFound) as caught:
        store.get(key_of(DATA))
    assert store.location(key_of(DATA)) in caught.value.message


def test_a_spoiled_object_is_noticed_and_put_right_by_the_next_put(
    place: Place, store: Store
) -> None:
    for wrong in (b"", DATA[:-1], DATA + b"!", DATA.swapcase()):
        place.plant(key_of(DATA), wrong)
        with pytest.raises(IntegrityFailure) as caught:
            store.get(key_of(DATA))
        assert store.location(key_of(DATA)) in caught.value.message
        store.put(key_of(DATA), DATA, "text/plain")
        assert store.get(key_of(DATA)) == DATA


def test_a_read_stops_at_its_limit(place: Place, store: Store) -> None:
    place.plant(key_of(DATA), DATA)
    for limit in (1, 4, len(DATA), len(DATA) + 1):
        assert store._get(key_of(DATA), limit) == DATA[:limit]


def test_an_object_that_grew_beyond_the_limit_is_an_integrity_failure(
    place: Place, store: Store
) -> None:
    place.plant(key_of(DATA), bytes(OBJECT_MAX + 2))
    with pytest.raises(IntegrityFailure):
        store.get(key_of(DATA))


# Parts


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_every_part_of_an_object_can_be_read(store: Store) -> None:
    data = bytes(range(256)) * 20_000
    key = key_of(data)
    store.put(key, data, "application/zip")
    for start, size in ((0, 1), (0, len(data)), (1, 70_000), (3_000_000, 2_000_000), (9, 0)):
        part = data[start : start + size]
        assert store.get_part(key, start, size, sha256(part)) == part
    assert store.get_part(key, len(data) - 1, 1, sha256(data[-1:])) == data[-1:]


def test_a_part_of_what_is_absent_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        store.get_part(key_of(DATA), 2, 3, sha256(DATA[2:5]))
    assert store.location(key_of(DATA)) in caught.value.message


@pytest.mark.parametrize("wrong", [b"", DATA[:2], DATA[:4], DATA[:2] + b"!" + DATA[2:]])
def test_a_part_of_a_spoiled_object_is_an_integrity_failure(
    place: Place, store: Store, wrong: bytes
) -> None:
    place.plant(key_of(DATA), wrong)
    with pytest.raises(IntegrityFailure) as caught:
        store.get_part(key_of(DATA), 2, 3, sha256(DATA[2:5]))
    assert store.location(key_of(DATA)) in caught.value.message


def test_a_part_is_what_its_digest_says_and_not_what_the_rest_is(
    place: Place, store: Store
) -> None:
    place.plant(key_of(DATA), DATA[:5] + b" spoiled")
    assert store.get_part(key_of(DATA), 2, 3, sha256(DATA[2:5])) == DATA[2:5]
    for digest in (sha256(b""), sha256(DATA), ""):
        for size in (3, 0):
            if digest != sha256(b"") or size:
                with pytest.raises(IntegrityFailure):
                    store.get_part(key_of(DATA), 2, size, digest)


@pytest.mark.parametrize(
    ("start", "size"), [(-1, 1), (0, -1), (0, OBJECT_MAX + 1), (OBJECT_MAX, 1)]
)
def test_a_part_that_no_object_has_is_not_asked_for(store: Store, start: int, size: int) -> None:
    with pytest.raises(IntegrityFailure, match="No object has"):
        store.get_part(key_of(DATA), start, size, sha256(b""))


def test_deleting_removes_one_object_and_again_is_a_success(place: Place, store: Store) -> None:
    store.put(key_of(DATA), DATA, "text/plain")
    store.put(key_of(b"2"), b"2", "text/plain")
    for _ in range(2):
        store.delete(key_of(DATA))
        assert place.names() == [key_of(b"2")]
    store.put(key_of(DATA), DATA, "text/plain")
    assert store.get(key_of(DATA)) == DATA


GOOD = key_of(DATA)


STRANGE_KEYS = [
    "",
    "/",
    "everyskill.json",
    GOOD.upper(),
    "/" + GOOD,
    GOOD + "/",
    GOOD + "\n",
    "../" + GOOD,
    "sha256/../" + GOOD,
    GOOD.replace("sha256/", "sha256//"),
    GOOD[:-1],
    GOOD + "0",
    "sha256/00/" + "1" * 64,
    "sha256/../.." + "0" * 62,
    "sha512/" + GOOD[7:],
    GOOD.replace("/", "\\"),
]


def test_a_key_that_everyskill_never_writes_is_refused(place: Place, store: Store) -> None:
    acts: list[Callable[[str], object]] = [store.get, store.head, store.delete]
    acts.append(lambda key: store.put(key, DATA, "text/plain"))
    acts.append(lambda key: store.get_part(key, 0, 1, sha256(DATA[:1])))
    for key in STRANGE_KEYS:
        for act in acts:
            with pytest.raises(IntegrityFailure):
                act(key)
    assert place.names() == []


# Lists


def test_a_list_has_every_object_in_order_with_size_and_time(store: Store) -> None:
    data = [b"%d" % number * (number + 1) for number in range(20)]
    before = datetime.now(UTC) - timedelta(seconds=5)  # S3 gives whole seconds
    for each in data:
        store.put(key_of(each), each, "text/plain")
    found = list(store.list())
    assert [(one.key, one.size) for one in found] == sorted((key_of(d), len(d)) for d in data)
    for one in found:
        assert one.modified.tzinfo is UTC
        assert before <= one.modified <= datetime.now(UTC) + timedelta(seconds=5)


def test_a_list_keeps_to_its_prefix(store: Store) -> None:
    keys = sorted(key_of(b"%d" % number) for number in range(40))
    for number in range(40):
        store.put(key_of(b"%d" % number), b"%d" % number, "text/plain")
    whole = keys[7]
    for prefix in ("", "sha256/", "sha256/" + whole[7], whole[:9], whole[:10], whole[:12], whole):
        listed = [one.key for one in store.list(prefix)]
        assert listed == [key for key in keys if key.startswith(prefix)]
    for strange in ("sha256/../", "/", "everyskill", "sha256/zz", "SHA256/"):
        with pytest.raises(ValueError, match="prefix"):
            list(store.list(strange))


def test_a_list_has_nothing_that_everyskill_did_not_put_there(place: Place, store: Store) -> None:
    store.claim(ID)
    store.put(GOOD, DATA, "text/plain")
    for name in (
        "notes.txt",
        "sha256/readme",
        "sha256/ab/short",
        "sha256/zz/" + "0" * 64,
        GOOD + ".bak",
        "sha256/00/" + "1" * 64,
        "sha257/" + GOOD[7:],
    ):
        place.plant(name, b"somebody else's")
    assert [one.key for one in store.list()] == [GOOD]


def test_a_list_of_several_pages_is_whole(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PAGE", 7)
    keys = sorted(key_of(b"%d" % number) for number in range(21))
    for key in keys:
        place.plant(key, b"")
    assert [one.key for one in store.list("sha256/")] == keys


def test_a_prefix_that_begins_alike_is_another_store(place: Place, store: Store) -> None:
    store.put(GOOD, DATA, "text/plain")
    with open_store(place.url + "2", place.settings) as beside:
        assert list(beside.list()) == []
        assert beside.head(GOOD) is None
        beside.put(key_of(b"2"), b"2", "text/plain")
    assert [one.key for one in store.list()] == [GOOD]


# What writers that were killed left aside, and the clock


def test_leftovers_are_named_and_removed_and_nothing_else_is(place: Place, store: Store) -> None:
    store.put(GOOD, DATA, "text/plain")
    probe, staged = f"everyskill-probe-{'0' * 16}", f".staging-{'a' * 16}"
    mine = [probe, f"{probe}-link"]
    if place.settings is None:  # a service writes whole or not at all, and leaves nothing aside
        mine = [staged, *mine, f"sha256/ab/{staged}"]
    others = (f"{staged}x", f"sha256/zz/{staged}", f"other/{staged}", "everyskill-probe-x", "notes")
    for name in (*mine, *others):
        place.plant(name, b"left")
    before = datetime.now(UTC) - timedelta(seconds=5)
    found = list(store.leftovers())
    assert [(one.key, one.size) for one in found] == [(name, 4) for name in mine]
    assert all(before <= one.modified <= datetime.now(UTC) + timedelta(seconds=5) for one in found)
    for name in mine * 2:
        store.discard(name)
    for name in (*others, GOOD, MARKER, f"../{staged}", ""):
        with pytest.raises(IntegrityFailure):
            store.discard(name)
    assert place.names() == sorted([*others, GOOD])


def test_the_clock_of_a_store_is_the_one_that_dates_its_objects(store: Store) -> None:
    store.put(GOOD, DATA, "text/plain")
    [one] = store.list()
    assert abs(store.now() - one.modified) < timedelta(seconds=5)
    assert store.now().tzinfo is UTC


# The marker


def test_a_store_belongs_to_the_registry_that_claims_it_first(place: Place, store: Store) -> None:
    assert store.marker() is None
    for _ in range(2):
        store.claim(ID)
        assert store.marker() == ID
    with pytest.raises(NotReady) as caught:
        place.open().claim(OTHER)
    assert ID in caught.value.message
    assert OTHER in caught.value.message
    assert caught.value.hint
    assert store.marker() == ID
    assert place.names() == [MARKER]


def test_the_bytes_of_the_marker_never_change(place: Place, tmp_path: Path) -> None:
    place.open().claim(ID)
    expected = b'{"everyskill":1,"registry":"%s"}\n' % ID.encode()
    assert place.open()._get(MARKER, 10_000) == expected


DAMAGED_MARKERS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 4000,
    b"x" * 10_000,
    b'{"everyskill":1}',
    b'{"everyskill":1,"registry":""}',
    b'{"everyskill":1,"registry":7}',
    b'{"everyskill":true,"registry":"x"}',
    b'{"everyskill":"1","registry":"x"}',
    b'{"registry":"x"}',
]


def test_a_damaged_marker_is_an_integrity_failure_and_is_left_alone(
    place: Place, store: Store
) -> None:
    for marker in DAMAGED_MARKERS:
        place.plant(MARKER, marker)
        for act in (store.marker, lambda: store.claim(ID)):
            with pytest.raises(IntegrityFailure) as caught:
                act()
            assert store.location(MARKER) in caught.value.message
        assert store._get(MARKER, 20_000) == marker


def test_a_marker_of_a_newer_format_asks_for_a_newer_program(place: Place, store: Store) -> None:
    place.plant(MARKER, b'{"everyskill":2,"registry":"%s"}' % ID.encode())
    for act in (store.marker, lambda: store.claim(ID)):
        with pytest.raises(NotReady) as caught:
            act()
        assert "newer" in caught.value.hint


# Many at once


def at_once(acts: list[Callable[[], None]]) -> list[EveryskillError | None]:
    """Run all of them in threads that start together; give what each raised."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> EveryskillError | None:
        start.wait()
        try:
            act()
        except EveryskillError as error:
            return error
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.parametrize("stores", [1, 4])
def test_eight_writers_of_one_object_all_succeed(place: Place, stores: int) -> None:
    opened = [place.open() for _ in range(stores)]
    data = bytes(range(256)) * 400
    key = key_of(data)
    acts = [
        lambda store=opened[number % stores]: store.put(key, data, "text/plain")
        for number in range(8)
    ]
    assert at_once(acts) == [None] * 8
    assert place.names() == [key]
    assert opened[0].get(key) == data


def test_eight_claims_of_one_registry_all_succeed(store: Store) -> None:
    assert at_once([lambda: store.claim(ID)] * 8) == [None] * 8


def test_of_registries_that_claim_one_store_at_once_one_wins(place: Place) -> None:
    ids = [f"registry-{number}" for number in range(4)]
    stores = [place.open() for _ in ids]
    claims = [lambda s=s, i=i: s.claim(i) for s, i in zip(stores, ids, strict=True)]
    errors = at_once(claims)
    winners = [i for i, error in zip(ids, errors, strict=True) if error is None]
    owner = stores[0].marker()
    assert owner in winners
    assert all(isinstance(error, NotReady) for error in errors if error is not None)
    if place.promises.atomic_conditional_writes:
        assert winners == [owner]
    # Where that promise is absent a loser may think that it won, until its next claim.
    later = at_once(claims)
    assert [i for i, error in zip(ids, later, strict=True) if error is None] == [owner]


# The probe


def test_the_probe_says_what_the_store_promises_and_leaves_nothing(
    place: Place, store: Store
) -> None:
    store.claim(ID)
    checks = store.probe()
    expected = {"store": "ok", "store-write": "ok", "store-write-once": "ok"}
    if place.settings is None:
        expected["store-space"] = "ok"
    else:
        expected["store-checksums"] = "ok" if place.promises.verifies_checksums else "warning"
    assert {check.name: check.status for check in checks} == expected
    assert ID in checks[0].found
    for check in checks:
        assert (check.fix is None) == (check.status == "ok")
    assert place.names() == [MARKER]


def test_the_probe_of_a_damaged_store_ends_with_what_failed(place: Place, store: Store) -> None:
    place.plant(MARKER, b"{")
    (check,) = store.probe()
    assert check.name == "store"
    assert check.status == "failed"
    assert check.fix
    assert place.names() == [MARKER]


# Opening


def test_a_closed_store_may_be_used_again(store: Store) -> None:
    store.close()
    store.put(GOOD, DATA, "text/plain")
    store.close()
    store.close()
    assert store.get(GOOD) == DATA


def test_its_url_opens_the_same_store_and_its_location_names_the_object(
    place: Place, store: Store
) -> None:
    store.put(GOOD, DATA, "text/plain")
    with open_store(store.url, place.settings) as again:
        assert again.get(GOOD) == DATA
        assert again.url == store.url == place.url
    assert store.location(GOOD).endswith("/" + GOOD)


def test_slashes_at_the_end_of_a_url_mean_nothing(place: Place, store: Store) -> None:
    store.put(GOOD, DATA, "text/plain")
    with open_store(place.url + "//", place.settings) as same:
        assert same.get(GOOD) == DATA
        assert same.url == place.url
