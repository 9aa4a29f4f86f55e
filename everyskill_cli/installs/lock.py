"""The lock file: which version of each skill is installed, byte for byte, and where.

TOML made for review and merge: one block a skill, sorted, and a line a target. What is in it comes
from whoever wrote to the repository, so it is read strictly.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, Final

from everyskill_cli.errors import (
    Conflict,
    Forbidden,
    InvalidSkill,
    NotReady,
    Unavailable,
    UsageError,
)
from everyskill_cli.installs.places import Place, project_of
from everyskill_cli.model import is_slug
from everyskill_cli.skill.paths import check_path

FORMAT: Final = 1
_FORMAT_END: Final = 10**9  # what no program's format is
LOCK_MAX: Final = 16 * 1024 * 1024  # bytes; 10,000 skills need 4 MB
HEAD: Final = """\
# What is installed here, byte for byte. `everyskill install` installs it, `everyskill update` moves
# it on. Commit this file, and edit it by these commands alone.

"""
# A link could lead anywhere, and a pipe would be waited for.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HASH: Final = re.compile("[0-9a-f]{64}")
_UUID: Final = re.compile("[0-9a-f-]{36}")
_KEYS: Final = {"registry", "version", "content_hash", "entry_hash", "targets"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One block of the lock: a skill at one version.

    Attributes:
        registry: the registry's id.
        content_hash: of the version's object.
        entry_hash: of the event that the version was born with: it covers the bytes, the manifest
            and the whole history before it.
        targets: the skill's folders, sorted; see ``Place.path_of``.
        pinned: whether somebody asked for this very number; an update leaves it.
    """

    slug: str
    registry: str
    version: int
    content_hash: str
    entry_hash: str
    targets: tuple[str, ...]
    pinned: bool = False


def read(place: Place) -> dict[str, Locked] | None:
    """Read a place's lock, by slug; None where there is none.

    Raises:
        Conflict: it cannot be understood.
        NotReady: it is of a newer program.
    """
    try:
        descriptor = os.open(place.lock, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = "is a link" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}"
        raise _broken(place, why) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _broken(place, "is no file")
    with os.fdopen(descriptor, "rb") as file:
        return _parsed(place, file.read(LOCK_MAX + 1))


def installed_below(folders: Iterable[Path]) -> set[str]:
    """Give the real paths of what the locks of the projects around some folders name.

    A lock that cannot be understood names nothing here: who installs hears of it.
    """
    found = set()
    for place in {project_of(folder.absolute()) for folder in folders}:
        with suppress(Conflict, NotReady):
            for entry in (read(place) or {}).values():
                found |= {os.path.realpath(place.at(target)) for target in entry.targets}
    return found


def target_of(place: Place, path: Path) -> str:
    """Give the text by which a lock names a skill's folder; UsageError where it cannot."""
    target = place.target_of(path)
    if why := _wrong_target(place, path.name, target):
        raise UsageError(
            f"{path.parent} is no folder that a lock can name: its block {why}.",
            "Name another folder.",
        )
    return target


def require_writable(place: Place) -> None:
    """Find that the lock can be written, before anything is done that it is to say; Forbidden."""
    folder = place.lock.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Forbidden(
            f"The lock file {place.lock} cannot be written: {folder} is read-only for you.",
            "Nothing was changed. Make that folder writable, then run the same command again.",
        )


def inside_another(locked: Mapping[str, Locked]) -> str | None:
    """Name a target that lies inside of another one, where each would be an edit of the other."""
    targets = sorted(target + "/" for entry in locked.values() for target in entry.targets)
    found = (inner[:-1] for outer, inner in pairwise(targets) if inner.startswith(outer))
    return next(found, None)


def write(place: Place, locked: Mapping[str, Locked]) -> None:
    """Write a place's lock whole, in one step; one that says so already is left alone.

    Raises:
        Forbidden: this user may not.
        Unavailable: there is no room.
    """
    text = _text(locked)
    with suppress(OSError):
        if place.lock.read_text(encoding="utf-8") == text:
            return
    path = place.lock
    aside = path.with_name(f".{path.name}.new")  # whoever writes has the place for itself
    if aside.is_dir() and not aside.is_symlink():  # none of ours
        aside = path.with_name(f".{path.name}-{os.urandom(4).hex()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_aside(aside, text)
        aside.replace(path)
    except OSError as error:
        kind = Forbidden if isinstance(error, PermissionError) else Unavailable
        raise kind(
            f"The lock file {place.lock} cannot be written: {error.strerror}.",
            "What was installed stands. Make the folder writable, then run the same command again.",
        ) from error


def _write_aside(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # of a command that was killed; opened, it might be a link
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _text(locked: Mapping[str, Locked]) -> str:
    import tomli_w  # only what changes a lock needs it

    blocks = {slug: _block(locked[slug]) for slug in sorted(locked)}
    return HEAD + tomli_w.dumps({"version": FORMAT, "skills": blocks})


def _block(entry: Locked) -> dict[str, Any]:
    block: dict[str, Any] = {
        "registry": entry.registry,
        "version": entry.version,
        "content_hash": entry.content_hash,
        "entry_hash": entry.entry_hash,
    }
    if entry.pinned:
        block["pinned"] = True
    return block | {"targets": list(entry.targets)}


def _parsed(place: Place, data: bytes) -> dict[str, Locked]:
    if len(data) > LOCK_MAX:
        raise _broken(place, f"is larger than {LOCK_MAX // 2**20} MiB")
    import tomllib  # a publish asks about locks too, and finds none

    try:
        text = data.decode()
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 4,301 digits
        if b"\n<<<<<<< " in b"\n" + data:
            raise _broken(place, "holds both sides of a merge") from error
        why = str(error).splitlines()[0].rstrip(".")
        raise _broken(place, f"is not TOML: {why}") from error
    if not values and not text.strip():
        return {}  # made by hand, to say that here is a project
    found = values.pop("version", None)
    if type(found) is int and FORMAT < found < _FORMAT_END:
        raise NotReady(
            f"The lock file {place.lock} has format {found}; this program knows {FORMAT}.",
            "Install a newer everyskill.",
        )
    skills = values.pop("skills", {})
    if type(found) is not int or found != FORMAT or values or not isinstance(skills, dict):
        raise _broken(place, "is no lock of everyskill")
    locked = {slug: _entry(place, slug, block) for slug, block in skills.items()}
    if inner := inside_another(locked):
        raise _broken(place, f"has a target {inner} inside of another one")
    return locked


def _entry(place: Place, slug: str, block: Any) -> Locked:
    if not is_slug(slug) or not isinstance(block, dict):
        raise _broken(place, f"names {slug[:80]!r}, which is no skill")
    pinned = block.pop("pinned", False)
    if block.keys() != _KEYS or not isinstance(pinned, bool):
        raise _broken(place, f"does not say of {slug} what a lock says")
    entry = Locked(slug=slug, pinned=pinned, **block | {"targets": _targets(block["targets"])})
    if not (_is_version(entry.version) and _are_ids(entry)):
        raise _broken(place, f"says of {slug} something that is no version and no digest")
    if not entry.targets or len(set(entry.targets)) < len(entry.targets):
        raise _broken(place, f"names no target of {slug}, or one twice")
    for target in entry.targets:
        if why := _wrong_target(place, slug, target):
            raise _broken(place, why)
    return entry


def _targets(given: Any) -> tuple[str, ...]:
    are_texts = isinstance(given, list) and all(isinstance(target, str) for target in given)
    return tuple(given) if are_texts else ()


def _is_version(given: Any) -> bool:
    return type(given) is int and 0 < given < 10**9


def _are_ids(entry: Locked) -> bool:
    texts = (entry.registry, entry.content_hash, entry.entry_hash)
    rules = (_UUID, _HASH, _HASH)
    return all(
        isinstance(text, str) and rule.fullmatch(text)
        for text, rule in zip(texts, rules, strict=True)
    )


def _wrong_target(place: Place, slug: str, target: str) -> str | None:
    """Say why a text names no folder that is only this skill's, wherever the lock is read."""
    shown = (target if target.isprintable() else ascii(target))[:200]
    inside = target
    if place.scope == "user":
        if not target.startswith(("~/", "/")):
            return f"has a target {shown}, which begins nowhere"
        inside = target.removeprefix("~").removeprefix("/")
    try:
        check_path(inside)
    except InvalidSkill as error:
        return f"has a target {shown} that no skill can have ({error.rule})"
    except UnicodeEncodeError:
        return f"has a target {shown} that no skill can have (name-not-utf8)"
    if any(part.startswith(".everyskill-") for part in PurePosixPath(target).parts):
        return f"has a target {shown}, which is where everyskill works itself"
    if PurePosixPath(target).name != slug:
        return f"has a target {shown}, which is no folder of {slug}"
    return None


def _broken(place: Place, what: str) -> Conflict:
    return Conflict(
        f"The lock file {place.lock} {what}.",
        "Keep whole blocks of what was merged, or take it as it was: git checkout HEAD --"
        " everyskill.lock",
    )
