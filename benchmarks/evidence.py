"""What lies in the bucket and the database after a run: proof that both sides did the work."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.corpus import files_of
from benchmarks.lab import Lab, Registry
from benchmarks.measuring import RunFailed

VERSIONS = """
SELECT s.slug, v.version, v.content_url, v.content_hash, v.size_bytes
FROM skill_versions v JOIN skills s ON s.id = v.skill_id ORDER BY s.slug, v.version
"""
THREADS = 8


def check_copy(lab: Lab, prefix: str, tree: Path) -> None:
    """Demand every file of the tree in the bucket, and no other, by its MD5 (the ETag).

    Raises:
        RunFailed: one is missing, another, or too many.
    """
    pages = lab.s3.client.get_paginator("list_objects_v2").paginate(
        Bucket=lab.s3.bucket, Prefix=f"{prefix}/"
    )
    found = {
        item["Key"].removeprefix(f"{prefix}/"): item["ETag"].strip('"')
        for page in pages
        for item in page.get("Contents", [])
    }
    expected = {
        path: hashlib.md5(data, usedforsecurity=False).hexdigest()
        for path, data in files_of(tree).items()
    }
    if found != expected:
        different = {path for path, _ in found.items() ^ expected.items()}
        raise RunFailed(f"The copy differs from the tree in {len(different)} files.")


def check_published(lab: Lab, registry: Registry, tree: Path, versions: int) -> None:
    """Demand that every skill's latest version holds its folder, byte for byte.

    The objects are read and hashed, and opened by a reader of archives that is not ours.

    Args:
        lab: with the bucket.
        registry: where they were published.
        tree: of skill folders whose names are their slugs.
        versions: how many there are of all skills together.

    Raises:
        RunFailed: a skill is missing or another, or there are more or fewer versions.
    """
    rows = _rows(registry)
    if len(rows) != versions:
        raise RunFailed(f"{registry.database} holds {len(rows)} versions, not {versions}.")
    latest = {str(slug): (str(url), str(digest), size) for slug, _, url, digest, size in rows}
    folders = {path.parent.name: path.parent for path in tree.rglob("SKILL.md")}
    if latest.keys() != folders.keys():
        raise RunFailed(f"{registry.database} holds other skills than the tree.")

    def holds(slug: str) -> bool:
        url, digest, size = latest[slug]
        data = _object(lab, f"{registry.prefix}/{url}")
        if hashlib.sha256(data).hexdigest() != digest or len(data) != size:
            return False
        return _unpacked(data) == files_of(folders[slug])

    with ThreadPoolExecutor(THREADS) as pool:
        wrong = [
            slug for slug, good in zip(latest, pool.map(holds, latest), strict=True) if not good
        ]
    if wrong:
        raise RunFailed(f"{len(wrong)} skills are not what their folders hold: {wrong[0]} …")


def object_of(lab: Lab, registry: Registry, slug: str) -> bytes:
    """Read the bytes that were published of a skill."""
    [url] = [str(row[2]) for row in _rows(registry) if row[0] == slug]
    return _object(lab, f"{registry.prefix}/{url}")


def check_object(lab: Lab, key: str, data: bytes) -> None:
    """Demand these bytes under a key, or raise RunFailed."""
    if _object(lab, key) != data:
        raise RunFailed(f"{key} holds other bytes.")


def _rows(registry: Registry) -> list[tuple[object, ...]]:
    if registry.database == "SQLite":
        opened = sqlite3.connect(registry.database_url.removeprefix("sqlite:///"))
        try:
            return opened.execute(VERSIONS).fetchall()
        finally:
            opened.close()
    import psycopg

    with psycopg.connect(registry.database_url) as connection:
        return connection.execute(VERSIONS).fetchall()


def _object(lab: Lab, key: str) -> bytes:
    with lab.s3.client.get_object(Bucket=lab.s3.bucket, Key=key)["Body"] as body:
        return body.read()


def _unpacked(data: bytes) -> dict[str, bytes]:
    if not data.startswith(b"PK"):
        return {"SKILL.md": data}  # a skill of one file is stored as it is
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}
