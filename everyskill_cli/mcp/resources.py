"""Files as resources: lists, templates, reading, and what lies in a folder."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from everyskill_cli.mcp.addresses import Folder, name_of, nothing_at, parse
from everyskill_cli.model import FileEntry, JsonObject, Pin
from everyskill_cli.registry import Registry
from everyskill_cli.registry.get import hold, main_file, read_file
from everyskill_cli.registry.published import list_published
from everyskill_cli.skill.content import SUFFIXES

PAGE: Final = 50  # skills
VERSION: Final = "everyskill/version"  # of what was read, in _meta
DIGEST: Final = "everyskill/digest"
WARNINGS: Final = "everyskill/warnings"
EXACT: Final = frozenset({"uri", "text", "blob"})  # of what was read: it was verified
FOLDER_TYPE: Final = "inode/directory"


def listing(registry: Registry, cursor: str | None, limit: int = PAGE) -> JsonObject:
    """Give a page of the main files of what is published."""
    found, after = list_published(registry, limit, cursor)
    files = [_resource(Folder(pin, is_pinned=False), main_file(pin)) for pin in found]
    return {"resources": files} | ({} if after is None else {"nextCursor": after})


def templates() -> JsonObject:
    """Say how addresses are made."""
    published = {
        "uriTemplate": "skill://{slug}/{+path}",
        "name": "file",
        "title": "A file of a published skill",
        "description": "A file of the published version, verified. Where the skill's own name is"
        " not its slug, path begins with that name and a slash.",
    }
    version = {
        "uriTemplate": "skill://{slug}.{version}/{name}/{+path}",
        "name": "file-of-a-version",
        "title": "A file of one version of a skill",
        "description": "A file of this very version, verified; name is the skill's own.",
    }
    return {
        "resourceTemplates": [published, version],
        "ttlMs": 0,
        "cacheScope": "private",
        "resultType": "complete",
    }


def reading(registry: Registry, uri: str) -> JsonObject:
    """Give a file; every byte was compared with its digest before.

    Raises:
        NotFound: nothing is there.
        IntegrityFailure: the stored bytes are not the ones that were published.
    """
    address = parse(uri)
    held = hold(registry, address.reference)
    folder = Folder(held.pin, isinstance(address.reference.version, int))
    path = folder.inside(address.rest)
    entry = next((each for each in held.pin.version.files if each.path == path), None)
    if entry is None:
        raise nothing_at(uri)
    content: JsonObject = {"uri": uri, "_meta": _meta(held.pin, entry)}
    if held.warnings:
        content["_meta"][WARNINGS] = [finding.message for finding in held.warnings]
    return {"contents": [content | _content(read_file(registry, held.pin, entry), entry.path)]}


def directory(registry: Registry, uri: str) -> JsonObject:
    """Give what lies directly in a folder, files and folders.

    Raises:
        NotFound: there is no such folder.
    """
    address = parse(uri)
    held = hold(registry, address.reference)
    folder = Folder(held.pin, isinstance(address.reference.version, int))
    path = folder.inside(address.rest)
    beginning = f"{path}/" if path else ""
    found: dict[str, JsonObject] = {}
    for entry in held.pin.version.files:
        if path is None or not entry.path.startswith(beginning):
            continue
        name, slash, _ = entry.path.removeprefix(beginning).partition("/")
        if slash:
            place = folder.uri(beginning + name)
            found[name] = {"uri": place, "name": name, "mimeType": FOLDER_TYPE}
        else:
            found[name] = _resource(folder, entry, name)
    if not found:
        raise nothing_at(uri)
    return {"resources": [found[name] for name in sorted(found)]}


def _resource(folder: Folder, entry: FileEntry, name: str | None = None) -> JsonObject:
    version = folder.pin.version
    is_main = entry == main_file(folder.pin)
    said: JsonObject = {
        "uri": folder.uri(entry.path),
        "name": (name_of(folder.pin) or version.name) if is_main else name or entry.path,
        "mimeType": _type_by_name(entry.path) or "application/octet-stream",
        "size": entry.size,
        "_meta": _meta(folder.pin, entry),
    }
    if is_main and version.description:
        said["description"] = version.description
    return said


def _meta(pin: Pin, entry: FileEntry) -> JsonObject:
    return {VERSION: pin.version.version, DIGEST: f"sha256:{entry.sha256}"}


def _content(data: bytes, path: str) -> JsonObject:
    kind = _type_by_name(path)
    try:
        return {"mimeType": kind or "text/plain", "text": data.decode()}
    except UnicodeDecodeError:
        kind = kind or "application/octet-stream"
        return {"mimeType": kind, "blob": b64encode(data).decode("ascii")}


def _type_by_name(path: str) -> str | None:
    known = next((kind for end, kind in SUFFIXES.items() if path.lower().endswith(end)), None)
    if known is not None:
        return known.partition(";")[0]
    import mimetypes

    return mimetypes.guess_type(path)[0]
