"""The bytes of some files of a skill: fetched from a store, or as they were read on the disk.

A store is asked for as little as will do: single files are read out of a bundle, whose offsets
follow from its manifest. Every byte is compared with the manifest's digests before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeAlias

from everyskill_cli.bundle import offsets, unpack
from everyskill_cli.model import FileEntry, SkillVersion
from everyskill_cli.registry import Registry
from everyskill_cli.registry.fetching import fetch_object, there
from everyskill_cli.skill.content import ARCHIVE

SMALL: Final = 64 * 1024  # bytes of an object that is fetched whole, as one request costs as much

Read: TypeAlias = Callable[[], dict[str, bytes]]


class Contents(Protocol):
    """Where the bytes of a side's files come from."""

    @property
    def jobs(self) -> int:
        """How many reads at once make the most of it."""

    def reads(self, wanted: Sequence[FileEntry]) -> list[Read]:
        """Give the reads that bring these files, by path; they may run at once, in any order."""


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files that were read on the disk."""

    data: Mapping[str, bytes]

    @property
    def jobs(self) -> int:
        """One: they are here."""
        return 1

    def reads(self, wanted: Sequence[FileEntry]) -> list[Read]:
        """Give the one read that there is."""
        return [lambda: {entry.path: self.data[entry.path] for entry in wanted}]


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Files of a version."""

    registry: Registry
    version: SkillVersion

    @property
    def jobs(self) -> int:
        """As many as the store likes."""
        return self.registry.store.jobs

    def reads(self, wanted: Sequence[FileEntry]) -> list[Read]:
        """Give a read for every file, or one for the object where most of it is wanted anyway."""
        if not wanted:
            return []
        if self._is_cheaper_whole(wanted):
            return [partial(self._whole, frozenset(entry.path for entry in wanted))]
        begins = offsets(self.version.files)
        return [partial(self._part, entry, begins[entry.path]) for entry in wanted]

    def _is_cheaper_whole(self, wanted: Sequence[FileEntry]) -> bool:
        version = self.version
        if version.content_type != ARCHIVE or version.size_bytes < SMALL:
            return True
        return 2 * sum(entry.size for entry in wanted) >= version.size_bytes

    def _whole(self, paths: frozenset[str]) -> dict[str, bytes]:
        version = self.version
        data = fetch_object(self.registry, version)
        files = unpack(data, version.content_type, version.files)
        return {file.path: file.data for file in files if file.path in paths}

    def _part(self, entry: FileEntry, start: int) -> dict[str, bytes]:
        key = self.version.content_url
        with there(self.registry, self.version):
            part = self.registry.store.get_part(key, start, entry.size, entry.sha256)
        return {entry.path: part}


def read_files(
    *wanted: tuple[Contents, Sequence[FileEntry]],
) -> tuple[dict[str, bytes], ...]:
    """Read files of several sides at once, and give those of each by their paths.

    Raises:
        IntegrityFailure: the stored bytes are not the ones that were published, or are gone.
    """
    found: tuple[dict[str, bytes], ...] = tuple({} for _ in wanted)
    reads = [
        (place, read)
        for place, (contents, entries) in zip(found, wanted, strict=True)
        for read in contents.reads(entries)
    ]
    jobs = max(contents.jobs for contents, _ in wanted)
    for (place, _), files in zip(reads, _run([read for _, read in reads], jobs), strict=True):
        place.update(files)
    return found


def _run(reads: Sequence[Read], jobs: int) -> Iterable[dict[str, bytes]]:
    if len(reads) <= 1:
        return [read() for read in reads]
    from concurrent.futures import ThreadPoolExecutor  # 8 ms that one read does not pay

    with ThreadPoolExecutor(min(jobs, len(reads)), "everyskill-diff") as pool:
        return list(pool.map(lambda read: read(), reads))
