"""Files as resources: lists, templates, reading, and what lies in a folder."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from mimetypes import MimeTypes
from typing import Final

from everyskill_cli.mcp.addresses import Folder, Place, find, name_of
from everyskill_cli.model import FileEntry, JsonObject, Pin
from everyskill_cli.registry import Registry
from everyskill_cli.registry.get import main_file, read_file
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
    files = [
        _resource(Folder(pin, is_pinned=False), main_file(pin), name_of(pin) or pin.version.name)
        for pin in found
    ]
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
        "uriTemplate": "skill://{slug}.{version}/{+path}",
        "name": "file-of-a-version",
        "title": "A file of one version of a skill",
        "description": "A file of this very version, verified. Where it has a SKILL.md, path begins"
        " with the skill's own name and a slash.",
    }
    return {"resourceTemplates": [published, version]}


def reading(registry: Registry, uri: str) -> JsonObject:
    """Give a file; every byte was compared with its digest before.

    Raises:
        NotFound: nothing is there.
        IntegrityFailure: the stored bytes are not the ones that were published.
    """
    place = find(registry, uri)
    pin = place.held.pin
    entry = next((each for each in pin.version.files if each.path == place.path), None)
    if entry is None:
        raise place.nothing
    said = _meta(pin, entry) | warnings(place).get("_meta", {})
    content = _content(read_file(registry, pin, entry), entry.path)
    return {"contents": [{"uri": uri, "_meta": said} | content]}


def directory(registry: Registry, uri: str) -> JsonObject:
    """Give what lies directly in a folder, files and folders; a slash at its end means the same.

    Raises:
        NotFound: there is no such folder.
    """
    place = find(registry, uri.removesuffix("/"))
    folder, path = place.folder, place.path
    beginning = f"{path}/" if path else ""
    found: dict[str, JsonObject] = {}
    for entry in place.held.pin.version.files:
        if path is None or uri.endswith("//") or not entry.path.startswith(beginning):
            continue
        name, slash, _ = entry.path.removeprefix(beginning).partition("/")
        if slash:
            below = folder.uri(beginning + name)
            found[name] = {"uri": below, "name": name, "mimeType": FOLDER_TYPE}
        else:
            found[name] = _resource(folder, entry, name)
    if not found:
        raise place.nothing
    return {"resources": [found[name] for name in sorted(found)]} | warnings(place)


def warnings(place: Place) -> JsonObject:
    """Give what people should know of a version, as a result's own; nothing where it is nothing."""
    told = [finding.message for finding in place.held.warnings]
    return {"_meta": {WARNINGS: told}} if told else {}


def _resource(folder: Folder, entry: FileEntry, name: str) -> JsonObject:
    said: JsonObject = {
        "uri": folder.uri(entry.path),
        "name": name,
        "size": entry.size,
        "_meta": _meta(folder.pin, entry),
    }
    kind = _type_by_name(entry.path)
    if kind is not None:
        said["mimeType"] = kind
    if entry == main_file(folder.pin) and folder.pin.version.description:
        said["description"] = folder.pin.version.description
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
    """Tell the type of a file by its name, the same on every machine; None where it tells none.

    A list does not read the files: it gives no type then, and who reads one is told by its bytes.
    """
    known = next((kind for end, kind in SUFFIXES.items() if path.lower().endswith(end)), None)
    if known is not None:
        return known.partition(";")[0]
    kind, encoding = _known_types().guess_type(path)
    return None if encoding else kind  # what is packed is not what it will be


@cache
def _known_types() -> MimeTypes:
    return MimeTypes(filenames=())  # Python's own table, and none of this machine's
