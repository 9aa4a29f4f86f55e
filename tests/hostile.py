"""Folders, files and archives that somebody might hand us, each with the rule that refuses it.

``FOLDERS`` are built on disk below an empty folder; ``ARCHIVES`` are objects as a store might
return them, with their content type. Both are used through the API and through the command.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from zlib import compress, crc32

SKILL = "---\nname: hostile\ndescription: A skill that is not what it seems.\n---\n# Hostile\n"
# Names that its file system cannot hold need no test there: APFS refuses other bytes than UTF-8
# and takes two names that differ in case for one.
ANY_NAMES = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Hostile:
    """One path to publish: ``build`` makes it below an empty folder and returns it."""

    name: str
    rule: str
    build: Callable[[Path], Path]


@dataclass(frozen=True)
class HostileArchive:
    """One stored object that must not be unpacked."""

    name: str
    rule: str
    build: Callable[[], bytes]
    content_type: str = "application/zip"


FOLDERS: list[Hostile] = []
ARCHIVES: list[HostileArchive] = []


def _hostile(name: str, rule: str, *, needs: bool = True) -> Callable[..., None]:
    def register(build: Callable[[Path], Path]) -> None:
        if needs:
            FOLDERS.append(Hostile(name, rule, build))

    return register


def _folder(name: str, rule: str, *, needs: bool = True) -> Callable[..., None]:
    """Register a builder that spoils a good folder, which it is given."""

    def register(spoil: Callable[[Path], object]) -> None:
        def build(tmp: Path) -> Path:
            folder = tmp / "hostile"
            folder.mkdir()
            (folder / "SKILL.md").write_text(SKILL)
            spoil(folder)
            return folder

        _hostile(name, rule, needs=needs)(build)

    return register


def _file(name: str, rule: str, filename: str, data: bytes | str) -> None:
    def build(tmp: Path) -> Path:
        path = tmp / filename
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    _hostile(name, rule)(build)


def _named(name: str, rule: str, filename: str | bytes, *, needs: bool = True) -> None:
    def spoil(folder: Path) -> None:
        path = os.path.join(os.fsencode(folder), os.fsencode(filename))  # noqa: PTH118 - bytes
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - bytes
        with open(path, "wb") as file:  # noqa: PTH123 - bytes
            file.write(b"x")

    _folder(name, rule, needs=needs)(spoil)


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _socket(path: Path) -> None:
    # A socket's path may have 108 bytes at most, fewer than a test's folder may need.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)


# What a path can be instead of a skill.

_hostile("missing", "missing-path")(lambda tmp: tmp / "nothing")
_hostile("below-a-file", "missing-path")(lambda tmp: _written(tmp / "a.md") / "SKILL.md")
_hostile("name-of-5000-bytes", "missing-path")(lambda tmp: tmp / ("x" * 5000))
_hostile("device", "special-file")(lambda tmp: Path(os.devnull))


def _written(path: Path, text: str = SKILL) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@_hostile("fifo", "special-file")
def _(tmp: Path) -> Path:
    os.mkfifo(tmp / "SKILL.md")
    return tmp / "SKILL.md"


@_hostile("link-to-file", "symlink")
def _(tmp: Path) -> Path:
    (tmp / "SKILL.md").symlink_to(_written(tmp / "secret" / "passwords.md"))
    return tmp / "SKILL.md"


@_hostile("dangling-link", "symlink")
def _(tmp: Path) -> Path:
    (tmp / "SKILL.md").symlink_to(tmp / "nothing")
    return tmp / "SKILL.md"


@_hostile("link-to-itself", "symlink")
def _(tmp: Path) -> Path:
    (tmp / "loop").symlink_to(tmp / "loop")
    return tmp / "loop"


@_hostile("empty-folder", "empty-folder")
def _(tmp: Path) -> Path:
    (tmp / "empty").mkdir()
    return tmp / "empty"


@_hostile("nothing-but-git", "empty-folder")
def _(tmp: Path) -> Path:
    _written(tmp / "skill" / ".git" / "config")
    return tmp / "skill"


@_hostile("no-skill-md", "missing-skill-md")
def _(tmp: Path) -> Path:
    return _written(tmp / "skill" / "README.md").parent


@_hostile("lower-case-skill-md", "missing-skill-md", needs=ANY_NAMES)
def _(tmp: Path) -> Path:
    return _written(tmp / "skill" / "skill.md").parent


@_hostile("skill-md-is-a-folder", "missing-skill-md")
def _(tmp: Path) -> Path:
    return _written(tmp / "skill" / "SKILL.md" / "a.md").parents[1]


_folder("skill-md-ignored", "missing-skill-md")(
    lambda folder: (folder / ".everyskillignore").write_text("*.md\n")
)


# Links and special files inside.

_folder("link-out", "symlink")(lambda f: (f / "passwd").symlink_to("/etc/passwd"))
_folder("link-inside", "symlink")(lambda f: (f / "again.md").symlink_to("SKILL.md"))
_folder("link-to-folder", "symlink")(lambda f: (f / "all").symlink_to("/"))
_folder("link-to-parent", "symlink")(lambda f: (f / "up").symlink_to(".."))
_folder("link-dangling", "symlink")(lambda f: (f / "gone").symlink_to("nowhere"))
_folder("link-loop", "symlink")(lambda f: (f / "loop").symlink_to("loop"))
_folder("fifo-inside", "special-file")(lambda f: os.mkfifo(f / "pipe.md"))
_folder("socket-inside", "special-file")(lambda f: _socket(f / "s"))


@_folder("skill-md-is-a-link", "symlink")
def _(folder: Path) -> None:
    (folder / "SKILL.md").rename(folder.parent / "elsewhere.md")
    (folder / "SKILL.md").symlink_to(folder.parent / "elsewhere.md")


@_folder("skill-md-is-a-fifo", "special-file")
def _(folder: Path) -> None:
    (folder / "SKILL.md").unlink()
    os.mkfifo(folder / "SKILL.md")


@_folder("link-three-deep", "symlink")
def _(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "key").symlink_to("/etc/hostname")


@_folder("folder-of-scripts-is-a-link", "symlink")
def _(folder: Path) -> None:
    _written(folder.parent / "elsewhere" / "run.sh")
    (folder / "scripts").symlink_to(folder.parent / "elsewhere")


@_folder("ignore-file-is-a-fifo", "special-file")
def _(folder: Path) -> None:
    os.mkfifo(folder / ".everyskillignore")


# Names.

_named("backslash", "backslash", "..\\..\\evil.md")
_named("escape-in-name", "control-character", "red\x1b[31m.md")
_named("newline-in-name", "control-character", "a\nb.md")
_named("bidi-in-name", "invisible-character", "a\u202egpj.sh")
_named("zero-width-name", "invisible-character", "scripts\u200b/run.sh")
_named("not-utf8-name", "name-not-utf8", b"caf\xe9.md", needs=ANY_NAMES)
_named("decomposed-name", "name-not-nfc", "cafe\u0301.md", needs=ANY_NAMES)
_named("windows-device", "windows-reserved", "references/aux.md")
_named("windows-stream", "windows-reserved", "a.md:hidden")
_named("trailing-dot", "windows-reserved", "a.md.")
_named("trailing-space", "windows-reserved", "a.md ")
_named("git-in-capitals", "git-folder", ".GIT/hooks/post-checkout", needs=ANY_NAMES)
_named("git-with-a-joiner", "git-folder", ".g\u200cit/config")
_named("long-path", "path-too-long", "/".join(["n" * 200] * 3))
_named("deep-path", "path-too-deep", "/".join(["d"] * 33))
_named("deep-bomb", "path-too-deep", "/".join(["d"] * 400))


@_folder("same-name-in-two-cases", "path-collision", needs=ANY_NAMES)
def _(folder: Path) -> None:
    _written(folder / "README.md")
    _written(folder / "readme.md")


@_folder("same-folder-in-two-cases", "path-collision", needs=ANY_NAMES)
def _(folder: Path) -> None:
    _written(folder / "Scripts" / "a.md")
    _written(folder / "scripts" / "b.md")


@_folder("file-and-folder-in-two-cases", "path-collision", needs=ANY_NAMES)
def _(folder: Path) -> None:
    _written(folder / "Lib" / "a.md")
    _written(folder / "lib")


@_folder("same-name-case-folded", "path-collision", needs=ANY_NAMES)
def _(folder: Path) -> None:
    _written(folder / "stra\u00dfe.md")
    _written(folder / "strasse.md")


# Amounts.


@_folder("1001-files", "too-many-files")
def _(folder: Path) -> None:
    for number in range(1000):
        (folder / f"{number}.md").touch()


@_folder("11000-files-left-out", "too-many-files")
def _(folder: Path) -> None:
    for number in range(11_000):
        (folder / f"{number}.pyc").touch()


@_folder("11000-empty-folders", "too-many-files")
def _(folder: Path) -> None:
    for number in range(11_000):
        (folder / str(number)).mkdir()


def many_files(folder: Path) -> None:
    """Make 100,000 files below a skill, which takes longer than a normal run has."""
    inner = folder / "n"
    inner.mkdir()
    descriptor = os.open(inner, os.O_RDONLY)
    try:
        for number in range(100_000):
            os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    finally:
        os.close(descriptor)


_folder("large-file", "file-too-large")(lambda f: _sparse(f / "a.bin", 10 * 2**20 + 1))
_folder("file-of-64-gib", "file-too-large")(lambda f: _sparse(f / "a.bin", 2**36))


@_folder("large-bundle", "bundle-too-large")
def _(folder: Path) -> None:
    for number in range(6):
        _sparse(folder / f"{number}.bin", 9 * 2**20)


@_hostile("large-skill-md", "file-too-large")
def _(tmp: Path) -> Path:
    _sparse(tmp / "SKILL.md", 2**40 if ANY_NAMES else 2**36)
    return tmp / "SKILL.md"


# SKILL.md and its frontmatter.


def _frontmatter(name: str, rule: str, yaml: str) -> None:
    _file(name, rule, "SKILL.md", f"---\n{yaml}\n---\nText.\n")


_file("empty-skill-md", "empty-file", "SKILL.md", "")
_file("blank-skill-md", "empty-file", "SKILL.md", "\ufeff \n\t\n")
_file("latin-1", "not-utf8", "SKILL.md", SKILL.encode() + b"caf\xe9")
_file("utf-16", "not-utf8", "SKILL.md", SKILL.encode("utf-16"))
_file("overlong-utf8", "not-utf8", "SKILL.md", SKILL.encode() + b"\xc0\xaf")
_file("nul", "nul-character", "SKILL.md", SKILL + "a\0b")
_file("unclosed", "unclosed-frontmatter", "SKILL.md", "---\nname: a\n")
_frontmatter("large-frontmatter", "frontmatter-too-large", "name: " + "a" * 65_536)
_frontmatter(
    "billion-laughs",
    "yaml-alias",
    "a0: &a0 [x,x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]" for n in range(1, 30)),
)
_frontmatter("alias-to-itself", "yaml-alias", "name: &a [*a]")
_frontmatter("anchor-alone", "yaml-alias", "name: &a b")
_frontmatter("python-tag", "yaml-tag", "name: !!python/object/apply:os.system ['true']")
_frontmatter("own-tag", "yaml-tag", "name: !secret a")
_frontmatter("same-key-twice", "duplicate-key", "name: a\nname: b")
_frontmatter("same-key-twice-inside", "duplicate-key", "metadata:\n  a: 1\n  'a': 2")
_frontmatter("deep-lists", "yaml-too-deep", "a: " + "[" * 60_000)
_frontmatter("deep-dashes", "yaml-too-deep", "a:\n  " + "- " * 30_000)
_frontmatter("deep-maps", "yaml-too-deep", "\n".join(" " * n + "a:" for n in range(200)))
_frontmatter("a-list", "frontmatter-not-a-map", "- name\n- description")
_frontmatter("a-sentence", "frontmatter-not-a-map", "once upon a time")
_frontmatter("map-as-key", "invalid-frontmatter", "{a: b}: c")
_frontmatter("two-documents", "invalid-frontmatter", "name: a\n...\nname: b")
_frontmatter("tab-indent", "invalid-frontmatter", "metadata:\n\ta: b")
_frontmatter("open-quote", "invalid-frontmatter", 'name: "a')
_frontmatter("colon-in-text", "invalid-frontmatter", "description: Use when: always")
_frontmatter("control-character", "invalid-frontmatter", "name: a\x07b")
_frontmatter("nul-escape", "unstorable-text", 'name: "a\\0b"')
_file("no-latin-letter", "no-slug", "\u6280\u80fd.md", "Text.")
_frontmatter("endless-name", "slug-too-long", "name: " + "a" * 65)

# Other files.

_file("picture", "unsupported-type", "logo.png", b"\x89PNG\r\n")
_file("no-suffix", "unsupported-type", "Makefile", "all:\n")
_file("archive", "unsupported-type", "skill.zip", b"PK\5\6" + bytes(18))
_file("json-deep", "invalid-json", "agent.json", "[" * 5_000_000)
_file("json-cut", "invalid-json", "agent.json", '{"name": "a"')
_file("json-nan", "invalid-json", "agent.json", '{"name": NaN}')
_file("json-same-key", "invalid-json", "agent.json", '{"name": "a", "name": "b"}')
_file("json-nul", "unstorable-text", "agent.json", '{"name": "a\\u0000"}')
_file("json-half-character", "unstorable-text", "agent.json", '{"name": "\\ud800"}')
_file("json-long-name", "field-too-long", "agent.json", '{"name": "%s"}' % ("a" * 70_000))
_file("json-latin-1", "not-utf8", "agent.json", b'{"name": "caf\xe9"}')
_file("toml-deep", "invalid-toml", "agent.toml", "a = " + "[" * 100_000)
_file("toml-dots", "invalid-toml", "agent.toml", ".".join("a" * 100_000) + " = 1")
_file("toml-cut", "invalid-toml", "agent.toml", 'name = "a')
_file("toml-large", "config-too-large", "agent.toml", "# a comment\n" * 100_000)
_file("yaml-bomb", "yaml-alias", "agent.yaml", "a: &a [x]\nb: [*a, *a]\n")
_file("yaml-cut", "invalid-yaml", "agent.yml", "name: [a\n")
_file("yaml-two", "invalid-yaml", "agent.yml", "name: a\n---\nname: b\n")
_file("yaml-large", "config-too-large", "agent.yaml", "- a\n" * 300_000)

# .everyskillignore.


def _ignore(name: str, rule: str, data: bytes) -> None:
    _folder(name, rule)(lambda folder: (folder / ".everyskillignore").write_bytes(data))


_ignore("ignore-slow", "invalid-ignore-file", b"*a*a*ab\n")
_ignore("ignore-large", "invalid-ignore-file", b"a\n" * 40_000)
_ignore("ignore-latin-1", "invalid-ignore-file", b"caf\xe9\n")
_ignore("ignore-bad-range", "invalid-ignore-file", b"[z-a]\n")
_folder("ignore-is-a-link", "symlink")(
    lambda folder: (folder / ".everyskillignore").symlink_to("/etc/passwd")
)

# What must not leave the house.

_named("env-file", "env-file", ".env.production")
_file("hidden-tags", "hidden-unicode", "SKILL.md", SKILL + "Hi\U000e0041\U000e0042\n")
_file("hidden-bidi", "hidden-unicode", "SKILL.md", SKILL + "if a\u202e == b\n")
_file(
    "private-key",
    "secret-private-key",
    "SKILL.md",
    SKILL + "-----BEGIN " + "PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIJ7r0Zk3" * 2 + "\n",
)


# Archives. ``entry`` makes one the canonical way, so that each case breaks one thing alone.


@dataclass(frozen=True)
class _Entry:
    local: bytes
    data: bytes
    central: Callable[[int], bytes]


def _entry(
    name: str | bytes,
    data: bytes = b"x",
    *,
    mode: int = 0o100644,
    flags: int = 0,
    method: int = 0,
    stored: bytes | None = None,
    size: int | None = None,
    date: int = 0x21,
    extra: bytes = b"",
    comment: bytes = b"",
    made_by: int = 0x0314,
    crc: int | None = None,
    local_name: bytes | None = None,
) -> _Entry:
    encoded = name.encode() if isinstance(name, str) else name
    flags |= 0 if encoded.isascii() else 0x800
    stored = data if stored is None else stored
    size = len(data) if size is None else size
    crc = crc32(data) if crc is None else crc
    inside = local_name or encoded
    shared = pack("<5H3L", 20, flags, method, 0, date, crc, len(stored), size)
    local = b"PK\3\4" + shared + pack("<2H", len(inside), len(extra)) + inside + extra

    def central(offset: int) -> bytes:
        lengths = pack("<5H2L", len(encoded), len(extra), len(comment), 0, 0, mode << 16, offset)
        return b"PK\1\2" + pack("<H", made_by) + shared + lengths + encoded + extra + comment

    return _Entry(local, stored, central)


def _zip(
    *entries: _Entry,
    before: bytes = b"",
    gap: bytes = b"",
    comment: bytes = b"",
    after: bytes = b"",
    count: int | None = None,
    shift: int = 0,
    same_offset: bool = False,
) -> bytes:
    body = bytearray(before)
    central = bytearray()
    for item in entries:
        central += item.central(len(before) if same_offset else len(body) + shift)
        body += item.local + item.data + gap
    count = len(entries) if count is None else count
    tail = pack("<4H2LH", 0, 0, count, count, len(central), len(body) + shift, len(comment))
    return bytes(body + central + b"PK\5\6" + tail + comment + after)


def _deflated(size: int) -> bytes:
    """Pack so many zeros as small as they go."""
    return compress(bytes(size), 1)[2:-4]


_MAIN = _entry("SKILL.md", SKILL.encode())
_OTHER = _entry("a.md")


def _archive(name: str, rule: str, build: Callable[[], bytes]) -> None:
    ARCHIVES.append(HostileArchive(name, rule, build))


def _with(name: str, rule: str, entry: _Entry) -> None:
    _archive(name, rule, lambda: _zip(_MAIN, entry))


_archive("no-bytes", "not-an-archive", lambda: b"")
_archive("text", "not-an-archive", SKILL.encode)
_archive("gzip", "not-an-archive", lambda: b"\x1f\x8b\x08" + bytes(50))
_archive("two-letters", "not-canonical", lambda: b"PK")
_archive("end-alone", "missing-skill-md", _zip)
_archive("no-skill-md", "missing-skill-md", lambda: _zip(_OTHER))
_archive(
    "wrapper-folder",
    "missing-skill-md",
    lambda: _zip(_entry("skill/SKILL.md", SKILL.encode()), _entry("skill/a.md")),
)
_archive("nothing-but-skill-md", "not-canonical", lambda: _zip(_MAIN))
_with("left-out", "not-canonical", _entry("node_modules/a.js"))
_with("compiled", "not-canonical", _entry("a/__pycache__/b.pyc"))
_with("bidi-name", "invisible-character", _entry("a\u202egpj.sh"))
_with("escape-codes", "control-character", _entry("a\x1b[2J"))
_with("new-line", "control-character", _entry("a\nb"))
_with("half-a-character", "name-not-utf8", _entry(b"a\xed\xa0\x80.md"))
_with("console", "windows-reserved", _entry("com1.txt"))
_with("folder-without-slash", "not-canonical", _entry("a.md", mode=0o40755))
_with("fifo-entry", "special-file", _entry("a.md", mode=0o10644))
_with("socket-entry", "special-file", _entry("a.md", mode=0o140644))
_with("strongly-encrypted", "encrypted-entry", _entry("a.md", flags=0x40))
_with("other-path-in-extra-field", "not-canonical", _entry("a.md", extra=b"up\x09\0\1abcd../x"))
_with(
    "zip64-sizes", "file-too-large", _entry("a.md", size=2**32 - 1, extra=b"\1\0\x10\0" + bytes(16))
)
_archive(
    "real-bomb",
    "compressed-entry",
    lambda: _zip(_MAIN, _entry("a.md", b"", method=8, stored=_deflated(2**26), size=2**26)),
)
_archive(
    "zip64-end",
    "too-many-files",
    lambda: (
        _zip(_MAIN, _OTHER, count=0xFFFF, after=b"")[:-22]
        + pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, 100, 100)
        + pack("<4sLQL", b"PK\6\7", 0, 200, 1)
        + b"PK\5\6"
        + pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    ),
)
_archive("65535-counted", "too-many-files", lambda: _zip(_MAIN, _OTHER, count=0xFFFF))
_archive("65536-entries", "not-canonical", lambda: _zip(_MAIN, *[_OTHER] * 65_535, count=0))
_archive("two-archives", "not-canonical", lambda: _zip(_MAIN, _OTHER) + _zip(_MAIN, _OTHER))
_with("parent-path", "path-escapes", _entry("a/../../evil"))
_archive("leading-parent", "path-escapes", lambda: _zip(_entry("../evil"), _MAIN))
_archive("absolute", "path-escapes", lambda: _zip(_entry("/etc/cron.d/evil"), _MAIN))
_with("dot-path", "path-escapes", _entry("a/./b"))
_with("double-slash", "path-escapes", _entry("a//b"))
_with("empty-name", "path-escapes", _entry(""))
_with("folder-entry", "path-escapes", _entry("a/", b"", mode=0o40755))
_with("drive", "windows-reserved", _entry("c:/windows/evil"))
_with("backslash-path", "backslash", _entry("a\\..\\evil"))
_with("nul-in-path", "control-character", _entry("a.md\0.exe"))
_with("not-utf8-path", "name-not-utf8", _entry(b"caf\xe9.md"))
_with("decomposed-path", "name-not-nfc", _entry("cafe\u0301.md"))
_with("long-name", "name-too-long", _entry("n" * 256))
_with("long-archive-path", "path-too-long", _entry("/".join(["n" * 200] * 3)))
_with("name-of-60000-bytes", "name-too-long", _entry("n" * 60_000))
_with("deep-archive-path", "path-too-deep", _entry("/".join("d" * 33)))
_with("reserved", "windows-reserved", _entry("nul"))
_archive("git-hook", "git-folder", lambda: _zip(_entry(".git/hooks/post-checkout"), _MAIN))
_with("link", "symlink", _entry("a.md", b"/etc/passwd", mode=0o120777))
_with("device", "special-file", _entry("a.md", b"", mode=0o20666))
_with("deflated", "compressed-entry", _entry("a.md", method=8, stored=compress(b"x")[2:-4]))
_with("bomb", "compressed-entry", _entry("a.md", method=8, stored=b"\0" * 99, size=2**30))
_with("encrypted", "encrypted-entry", _entry("a.md", flags=1))
_with("descriptor", "data-descriptor", _entry("a.md", flags=8))
_with("wrong-crc", "wrong-checksum", _entry("a.md", crc=1))
_with("larger-than-stored", "not-canonical", _entry("a.md", size=2_000))
_with("claims-4-gib", "file-too-large", _entry("a.md", size=2**32 - 1))
_with("ten-mib-and-one", "file-too-large", _entry("a.md", bytes(10 * 2**20 + 1)))
_with("dated", "not-canonical", _entry("a.md", date=0x5A21))
_with("extra-field", "not-canonical", _entry("a.md", extra=b"\1\0\4\0abcd"))
_with("entry-comment", "not-canonical", _entry("a.md", comment=b"hello"))
_with("made-on-dos", "not-canonical", _entry("a.md", made_by=0x0014))
_with("all-may-write", "not-canonical", _entry("a.md", mode=0o100777))
_with("setuid", "not-canonical", _entry("a.md", mode=0o104755))
_with("no-mode", "not-canonical", _entry("a.md", mode=0))
_with("utf8-flag-on-ascii", "not-canonical", _entry("a.md", flags=0x800))
_with("two-names", "not-canonical", _entry("a.md", local_name=b"b.md"))
_archive("same-path-twice", "path-collision", lambda: _zip(_MAIN, _OTHER, _OTHER))
_archive("two-cases", "path-collision", lambda: _zip(_entry("A.md"), _MAIN, _entry("a.md")))
_archive("file-is-folder", "path-collision", lambda: _zip(_MAIN, _entry("a"), _entry("a/b")))
_archive("wrong-order", "not-canonical", lambda: _zip(_OTHER, _MAIN))
_archive("junk-before", "not-canonical", lambda: _zip(_MAIN, _OTHER, before=b"PKjunk", shift=-6))
_archive("program-before", "not-an-archive", lambda: _zip(_MAIN, _OTHER, before=b"#!/bin/sh\n"))
_archive("junk-counted", "not-canonical", lambda: _zip(_MAIN, _OTHER, before=b"PKjunk"))
_archive("junk-after", "not-canonical", lambda: _zip(_MAIN, _OTHER, after=b"junk"))
_archive("gap", "not-canonical", lambda: _zip(_MAIN, _OTHER, gap=b"gap"))
_archive("archive-comment", "not-canonical", lambda: _zip(_MAIN, _OTHER, comment=b"hello"))
_archive("overlap", "not-canonical", lambda: _zip(_MAIN, _OTHER, same_offset=True))
_archive("fewer-counted", "not-canonical", lambda: _zip(_MAIN, _OTHER, count=1))
_archive("more-counted", "not-canonical", lambda: _zip(_MAIN, _OTHER, count=3))
_archive("cut-short", "not-canonical", lambda: _zip(_MAIN, _OTHER)[:-1])
_archive("cut-in-front", "not-an-archive", lambda: _zip(_MAIN, _OTHER)[1:])
_archive("1001-entries", "too-many-files", lambda: _zip(_MAIN, *[_OTHER] * 1_000))
_archive("51-mib", "bundle-too-large", lambda: bytes(51 * 2**20))
_archive("nul-inside", "nul-character", lambda: _zip(_entry("SKILL.md", b"a\0"), _OTHER))
_archive(
    "laughs-inside",
    "yaml-alias",
    lambda: _zip(_entry("SKILL.md", b"---\na: &a [x]\nb: *a\n---\n"), _OTHER),
)

for _type, _rule, _data in (
    ("text/markdown; charset=utf-8", "not-utf8", b"\xff"),
    ("text/markdown; charset=utf-8", "file-too-large", b"x" * (10 * 2**20 + 1)),
    ("text/plain; charset=utf-8", "nul-character", b"a\0b"),
    ("application/json", "invalid-json", b"[" * 100_000),
    ("application/x-sh", "unsupported-type", b"#!/bin/sh\n"),
):
    ARCHIVES.append(HostileArchive(f"{_rule}-{_type}", _rule, lambda data=_data: data, _type))
