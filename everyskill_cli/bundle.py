"""A skill as one run of bytes: packed so that the same files give the same bytes everywhere.

A skill of one file is that file. A folder is a zip in canonical form (docs/format.md). The headers
are written with ``struct``: the bytes are frozen, what ``zipfile`` writes is its own affair.

Reading trusts nothing. Only what ``pack`` would write is accepted, byte for byte, after the rules
for files on disk were applied to every name and size; nothing is ever extracted by a library.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Final
from zlib import crc32

from everyskill_cli.errors import IntegrityFailure, InvalidSkill
from everyskill_cli.model import FileEntry
from everyskill_cli.skill import FoundSkill, LocalSkill, SkillFile
from everyskill_cli.skill.content import ARCHIVE, MARKDOWN, SUFFIXES, read_content
from everyskill_cli.skill.files import BUNDLE_MAX, FILE_MAX, FILES_MAX
from everyskill_cli.skill.ignore import left_out_by_default
from everyskill_cli.skill.paths import PathSet, check_name, check_path
from everyskill_cli.skill.tree import MAIN_FILE

# Field by field in docs/format.md. PKWARE's APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16 define them.
_LOCAL: Final = Struct("<4s5H3L2H")
_CENTRAL: Final = Struct("<4s6H3L5H2L")
_END: Final = Struct("<4s4H2LH")

_VERSION: Final = 20  # of the zip format, needed and made by
_UNIX: Final = 3 << 8  # the system in "made by"
_UTF8: Final = 0x0800  # the flag for a name outside ASCII
_MIDNIGHT: Final = 0
_DAY: Final = 0x0021  # 1980-01-01, the first day that zip knows
_ENCRYPTED: Final = 0x0041
_DESCRIPTOR: Final = 0x0008


@dataclass(frozen=True, slots=True)
class Bundle:
    """The bytes that are stored, and what they hold.

    Attributes:
        content_hash: SHA-256 of ``data``, hex.
        files: the manifest, sorted by path.
    """

    data: bytes
    content_type: str
    content_hash: str
    files: tuple[FileEntry, ...]


def pack(skill: FoundSkill | LocalSkill) -> Bundle:
    """Make the one run of bytes that stands for these files, whoever packs them."""
    files = skill.files
    if skill.content_type == ARCHIVE:
        data = _archive(files)
        return Bundle(data, ARCHIVE, hashlib.sha256(data).hexdigest(), manifest(files))
    entries = manifest(files)
    return Bundle(files[0].data, skill.content_type, entries[0].sha256, entries)


def content_hash_of(files: tuple[SkillFile, ...]) -> str | None:
    """Give the digest of the object that holds just these files, sorted by path.

    None where no object does: there is no file, or none that an agent finds.
    """
    if len(files) > 1:
        return hashlib.sha256(_archive(files)).hexdigest()
    if not files or "/" in files[0].path or not _is_single(files[0].path):
        return None
    return hashlib.sha256(files[0].data).hexdigest()


def _is_single(path: str) -> bool:
    """Tell whether a file of this name may be all of a skill."""
    kind = next((kind for end, kind in SUFFIXES.items() if path.lower().endswith(end)), None)
    return path == MAIN_FILE if kind == MARKDOWN else kind is not None


def manifest(files: Iterable[SkillFile]) -> tuple[FileEntry, ...]:
    """Say of every file its path, size, digest and x bit, in the order given."""
    digest = hashlib.sha256
    return tuple(
        FileEntry(f.path, len(f.data), digest(f.data).hexdigest(), f.executable) for f in files
    )


def offsets(files: Iterable[FileEntry]) -> dict[str, int]:
    """Say of every file of an archive's manifest where in the archive its bytes begin."""
    found, end = dict[str, int](), 0
    for entry in files:
        found[entry.path] = end + _LOCAL.size + len(entry.path.encode())
        end = found[entry.path] + entry.size
    return found


def archive_size(entries: Iterable[tuple[str, int]]) -> int:
    """Compute the bytes of an archive from the paths and sizes of its files."""
    more = _LOCAL.size + _CENTRAL.size
    return _END.size + sum(more + 2 * len(path.encode()) + size for path, size in entries)


def unpack(
    data: bytes, content_type: str, files: tuple[FileEntry, ...] | None = None
) -> tuple[SkillFile, ...]:
    """Read a bundle back, from a source that is not trusted.

    Args:
        data: the whole object; its digest is the caller's to check.
        content_type: as the version's row has it.
        files: the manifest to compare with; None to do without.

    Returns:
        The files, sorted by path.

    Raises:
        InvalidSkill: a safety rule is broken, or the bytes are not in canonical form.
        IntegrityFailure: the files are not those of the manifest.
    """
    if len(data) > BUNDLE_MAX:
        raise _refused("bundle-too-large", f"is larger than {BUNDLE_MAX // 2**20} MiB")
    if content_type == ARCHIVE:
        found = _read_archive(data)
        main = next((file for file in found if file.path == MAIN_FILE), None)
        if main is None:
            raise _refused("missing-skill-md", f"has no {MAIN_FILE} at its top")
        if len(found) == 1:
            raise _refused("not-canonical", f"holds nothing but {MAIN_FILE}, and is an archive")
        _check_content(main, MARKDOWN)
    else:
        found = (_read_single(data, content_type, files),)
    if files is not None:
        _compare(manifest(found), files)
    return found


def _archive(files: Iterable[SkillFile]) -> bytes:
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for file in files:
        local, central = _headers(file, offset)
        parts += (local, file.data)
        directory.append(central)
        offset += len(local) + len(file.data)
    records = b"".join(directory)
    count = len(directory)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(records), offset, 0)
    return b"".join((*parts, records, end))


def _headers(file: SkillFile, offset: int) -> tuple[bytes, bytes]:
    """Make the two headers of an entry: the one before its bytes, the one in the directory."""
    name = file.path.encode()
    flags = 0 if file.path.isascii() else _UTF8
    size = len(file.data)
    mode = stat.S_IFREG | (0o755 if file.executable else 0o644)
    # version needed, flags, method STORED, time, date, CRC-32, stored size, size, lengths
    shared = (_VERSION, flags, 0, _MIDNIGHT, _DAY, crc32(file.data), size, size, len(name), 0)
    local = _LOCAL.pack(b"PK\3\4", *shared)
    # comment length, disk, internal attributes, external attributes, offset of the local header
    central = _CENTRAL.pack(b"PK\1\2", _UNIX | _VERSION, *shared, 0, 0, 0, mode << 16, offset)
    return local + name, central + name


def _read_archive(data: bytes) -> tuple[SkillFile, ...]:
    count, position = _read_end(data)
    paths = PathSet()
    files: list[SkillFile] = []
    offset = 0
    for _ in range(count):
        file, central = _read_entry(data, position, offset)
        check_path(file.path)
        if any(map(left_out_by_default, file.path.split("/"))):
            raise _not_canonical(f"holds {file.path}, which is left out of every skill")
        paths.add(file.path)
        if files and files[-1].path >= file.path:
            raise _not_canonical(f"has {file.path} in the wrong place")
        local, expected = _headers(file, offset)
        if expected != central:  # times, attributes, lengths: everything in one comparison
            raise _not_canonical(f"describes {file.path} in another way than everyskill does")
        files.append(file)
        offset += len(local) + len(file.data)
        position += len(central)
    if _archive(files) != data:
        raise _not_canonical("holds bytes that belong to no file")
    return tuple(files)


def _read_end(data: bytes) -> tuple[int, int]:
    """Give the number of entries and where the directory begins."""
    if not data.startswith(b"PK"):
        raise _refused("not-an-archive", "is no zip archive")
    if len(data) < _END.size or not data.startswith(b"PK\5\6", len(data) - _END.size):
        raise _not_canonical("does not end with its directory")
    _, _, _, _, count, size, position, _ = _END.unpack_from(data, len(data) - _END.size)
    if count > FILES_MAX:
        raise _refused("too-many-files", f"holds more than {FILES_MAX:,} files")
    if position + size + _END.size != len(data):
        raise _not_canonical("holds bytes that belong to no file")
    return count, position


def _read_entry(data: bytes, position: int, offset: int) -> tuple[SkillFile, bytes]:
    """Read the entry at ``position`` of the directory, whose header must begin at ``offset``."""
    if not data.startswith(b"PK\1\2", position) or position + _CENTRAL.size > len(data):
        raise _not_canonical("has a damaged directory")
    header = _CENTRAL.unpack_from(data, position)
    _, _, _, flags, method, _, _, checksum, _, size, length, extra, *_, attributes, begins = header
    record = data[position : position + _CENTRAL.size + length]
    name = record[_CENTRAL.size :]
    path = _read_name(name)
    mode = attributes >> 16
    _check_features(path, flags, method, mode)
    if size > FILE_MAX:
        raise _refused("file-too-large", f"holds a file larger than {FILE_MAX // 2**20} MiB", path)
    local = b"PK\3\4" + record[6:32] + name  # the fields that both headers have stand together
    if begins != offset or extra or not data.startswith(local, offset):
        raise _not_canonical(f"describes {path} twice, and not the same way")
    content = data[offset + len(local) : offset + len(local) + size]
    if len(content) != size:
        raise _not_canonical(f"ends before {path} does")
    if crc32(content) != checksum:
        raise _refused("wrong-checksum", f"has a wrong checksum for {path}", path)
    return SkillFile(path, content, bool(mode & stat.S_IXUSR)), record


def _read_name(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise _refused("name-not-utf8", "holds a file whose name is not UTF-8") from error


def _check_features(path: str, flags: int, method: int, mode: int) -> None:
    if flags & _ENCRYPTED:
        raise _refused("encrypted-entry", f"holds {path} encrypted", path)
    if flags & _DESCRIPTOR:
        raise _refused("data-descriptor", f"gives the size of {path} after its bytes", path)
    if method:
        raise _refused("compressed-entry", f"holds {path} compressed", path)
    if stat.S_ISLNK(mode):
        raise _refused("symlink", f"holds {path} as a symbolic link", path)
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused("special-file", f"holds {path} as a device, a pipe or a socket", path)


def _read_single(data: bytes, content_type: str, files: tuple[FileEntry, ...] | None) -> SkillFile:
    suffix = next((end for end, known in SUFFIXES.items() if known == content_type), None)
    if suffix is None:
        raise _refused("unsupported-type", f"is of the unknown type {content_type}")
    path = MAIN_FILE
    if content_type != MARKDOWN:
        path = files[0].path if files else f"skill{suffix}"
    check_name(path, path)
    if len(data) > FILE_MAX:
        raise _refused("file-too-large", f"is larger than {FILE_MAX // 2**20} MiB", path)
    file = SkillFile(path, data, executable=False)
    _check_content(file, content_type)
    return file


def _check_content(file: SkillFile, content_type: str) -> None:
    try:
        read_content(file, content_type)
    except InvalidSkill as error:
        # PyYAML has two parsers that differ at the edges, one of them not everywhere: what one
        # machine could publish, every other can read back. Bombs are refused by their own rules.
        if error.rule not in ("invalid-frontmatter", "invalid-yaml"):
            raise


def _compare(found: tuple[FileEntry, ...], expected: tuple[FileEntry, ...]) -> None:
    if found == expected:
        return
    different = sorted(entry.path for entry in set(found) ^ set(expected))
    which = different[0] if different else "the order"
    raise IntegrityFailure(
        f"The stored bundle is not what its manifest says, beginning with {which}.",
        "Trust neither; compare the registry with a backup.",
    )


def _not_canonical(what: str) -> InvalidSkill:
    return _refused("not-canonical", what)


def _refused(rule: str, what: str, path: str | None = None) -> InvalidSkill:
    return InvalidSkill(
        f"The stored bundle {what}." if what.isprintable() else f"The stored bundle {what!a}.",
        "It was not made by everyskill: publish the skill again from its files.",
        rule=rule,
        path=path,
    )
