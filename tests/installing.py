"""Projects that skills are installed in, and versions that no publisher would have made."""

from __future__ import annotations

import hashlib
import stat
import uuid
from collections.abc import Sequence
from pathlib import Path

from everyskill_cli.chain import details_hash
from everyskill_cli.database import open_database
from everyskill_cli.database.queries import users, versions
from everyskill_cli.model import FileEntry, SkillVersion
from tests.rows import allocate, append

MARKDOWN = "text/markdown; charset=utf-8"
ZIP = "application/zip"


def make_project(folder: Path, *signs: str) -> Path:
    """Make a git checkout in which some agents left their signs."""
    for sign in (".git", *signs):
        (folder / sign).mkdir(parents=True, exist_ok=True)
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Every file below a folder, with its bytes and whether its owner may execute it."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(),
            bool(path.stat().st_mode & stat.S_IXUSR),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> set[str]:
    """What lies in a folder, hidden things too."""
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def add_version(
    url: str,
    store: Path,
    data: bytes,
    *,
    content_type: str = ZIP,
    files: Sequence[FileEntry] = (),
    slug: str = "demo",
) -> int:
    """Add a version of a skill that is there, whose object holds just these bytes.

    Rows and hashes are as a publisher's; the bytes are what somebody with the bucket's key, or a
    program with a bug, may have put there.
    """
    digest = hashlib.sha256(data).hexdigest()
    with open_database(url, "write") as database, database.writing() as tx:
        user_id = users.ensure(tx, "mallory@example.org")
        skill_id, number, now = allocate(tx, slug)
        said = {
            "name": slug,
            "description": "Planted.",
            "content_type": content_type,
            "files": tuple(files),
            "metadata": {"frontmatter": {}},
            "message": None,
        }
        version = SkillVersion(
            id=str(uuid.uuid4()),
            skill_id=skill_id,
            version=number,
            content_url=f"sha256/{digest[:2]}/{digest}",
            content_hash=digest,
            size_bytes=len(data),
            details_hash=details_hash(**said),
            created_by=user_id,
            created_at=now,
            **said,
        )
        versions.add(tx, [version])
        append(tx, version, "publish", slug=slug)
    place = store / version.content_url
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return number


def entry(path: str, data: bytes = b"", *, executable: bool = False) -> FileEntry:
    """A line of a manifest."""
    return FileEntry(path, len(data), hashlib.sha256(data).hexdigest(), executable)
