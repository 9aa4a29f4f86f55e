"""Which file names and paths a skill may hold: the same rules for a folder and for an archive.

A path that passes can be written below any folder on Linux, macOS and Windows: it stays inside,
means the same file everywhere, and shows on a screen what it is.
"""

from __future__ import annotations

import os
import re
from typing import Final

from everyskill_cli.errors import InvalidSkill

NAME_MAX: Final = 255  # bytes of UTF-8; the limit of ext4, APFS and NTFS
PATH_MAX: Final = 512  # bytes of UTF-8, so that a path fits below an agent's folder on Windows too
DEPTH_MAX: Final = 32  # names in a path; a walk holds one open folder for each of them

# Most names are of this kind and need no other look; the rules below are for the rest.
_PLAIN: Final = re.compile(
    r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)|(?i:\.git)\Z)"
    r"[A-Za-z0-9_.-]{0,200}[A-Za-z0-9_-]"
)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HIDDEN: Final = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
_JOINERS: Final = re.compile("[\u200c\u200d]")
# What Windows cannot store: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS: Final = re.compile(
    r".*[\"*:<>?|].*"
    r"|.*[. ]"
    r"|(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?",
    re.IGNORECASE | re.DOTALL,
)


def as_text(path: str | os.PathLike[str]) -> str:
    r"""Give a name from the file system as text; bytes that are not UTF-8 show as ``\xff``."""
    name = os.fspath(path)
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def check_path(path: str) -> None:
    """Refuse a whole path that breaks a rule: too long, too deep, or one of its names."""
    for name in path.split("/"):
        check_name(name, path)
    check_length(path)


def check_length(path: str) -> None:
    """Refuse a path of more than 512 bytes or 32 names."""
    if len(path) * 4 > PATH_MAX and len(path.encode()) > PATH_MAX:
        raise _broken("path-too-long", path, f"has a path longer than {PATH_MAX} bytes")
    if path.count("/") >= DEPTH_MAX:
        raise _broken("path-too-deep", path, f"lies more than {DEPTH_MAX} names deep")


def check_name(name: str, path: str) -> None:
    """Refuse one name of a path that breaks a rule; ``path`` is what the message names."""
    if _PLAIN.fullmatch(name):
        return
    if name in ("", ".", "..") or "/" in name:
        raise _broken("path-escapes", path, "has a path that is absolute or not in its plain form")
    if "\\" in name:
        raise _broken("backslash", path, "has a backslash in its name")
    _check_characters(name, path)
    if _WINDOWS.fullmatch(name):
        raise _broken("windows-reserved", path, "has a name that Windows cannot store")
    if len(name.encode()) > NAME_MAX:
        raise _broken("name-too-long", path, f"has a name longer than {NAME_MAX} bytes")
    if _is_git(name):
        raise _broken("git-folder", path, "would be taken for a git repository")


def _check_characters(name: str, path: str) -> None:
    if _CONTROL.search(name):
        raise _broken("control-character", path, "has a control character in its name")
    if _HIDDEN.search(name):
        raise _broken("invisible-character", path, "has an invisible character in its name")
    if not name.isascii() and not _is_nfc(name):
        raise _broken(
            "name-not-nfc", path, "has a name that is not in Unicode's composed form (NFC)"
        )


class PathSet:
    """The paths seen so far: refuses two that are one file where case or form is ignored."""

    def __init__(self) -> None:
        self._claimed: dict[str, str] = {}
        self._folders: set[str] = {""}

    def add(self, path: str) -> None:
        """Take a file's path and, with it, the folders above; refuse a collision."""
        self._add_folder(path.rpartition("/")[0])
        self._claim(path)

    def _add_folder(self, folder: str) -> None:
        if folder not in self._folders:
            self._add_folder(folder.rpartition("/")[0])
            self._claim(folder)
            self._folders.add(folder)

    def _claim(self, path: str) -> None:
        folded = _fold(path)
        other = self._claimed.get(folded)
        if other is not None:
            what = f"and {_shown(other)} are one and the same on some computers"
            raise _broken("path-collision", path, what)
        self._claimed[folded] = path


def _broken(rule: str, path: str, what: str) -> InvalidSkill:
    return InvalidSkill(f"{_shown(path)} {what}.", "Rename it and try again.", rule=rule, path=path)


def _shown(path: str) -> str:
    return path if path.isprintable() else ascii(path)


def _is_git(name: str) -> bool:
    # HFS+ ignores joiners in names and NTFS knows .git under its short name too.
    return _JOINERS.sub("", name).casefold() in (".git", "git~1")


def _is_nfc(text: str) -> bool:
    import unicodedata  # 1 MB of tables that only names outside ASCII need

    return unicodedata.is_normalized("NFC", text)


def _fold(path: str) -> str:
    if path.isascii():
        return path.lower()
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
