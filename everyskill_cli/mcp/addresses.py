"""The addresses of files: ``skill://SLUG/PATH``, and of one version ``skill://SLUG.N/NAME/PATH``.

The Skills extension wants the folder of a skill to be called as its frontmatter calls it. A slug
mostly is that name; where it is not, the name follows it: ``skill://SLUG/NAME/PATH``. Without a
SKILL.md that has a name for a folder, the files lie directly behind: ``skill://SLUG/PATH``, and
``skill://SLUG.N/PATH``. A slug holds no dot, so the address of a version is no other skill's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from everyskill_cli.errors import NotFound
from everyskill_cli.model import JsonObject, Pin, Reference, is_slug
from everyskill_cli.registry import Registry
from everyskill_cli.registry.get import MAIN_FILE, Held, hold, main_file
from everyskill_cli.skill.plain_yaml import core_value

SCHEME: Final = "skill://"
_HOST: Final = re.compile(r"(?P<slug>[^.]*)(?:\.(?P<version>[1-9][0-9]{0,8}))?")
_SAFE: Final = "/!$&'()*+,;=:@~"  # what may stand in a path, besides letters and digits


@dataclass(frozen=True, slots=True)
class Address:
    """An address, read: which version, and what is behind it.

    Attributes:
        reference: a skill, or one version of it.
        rest: the path behind it, with the name of the folder if there is one.
    """

    reference: Reference
    rest: str


def parse(uri: str) -> Address:
    """Read an address.

    Raises:
        NotFound: it is none of this registry's.
    """
    host, _, rest = uri.removeprefix(SCHEME).partition("/")
    found = _HOST.fullmatch(unquote(host))
    if not uri.startswith(SCHEME) or found is None or not is_slug(found["slug"]):
        raise nothing_at(uri)
    version = found["version"]
    return Address(Reference(found["slug"], int(version) if version else None), unquote(rest))


def nothing_at(uri: str) -> NotFound:
    """Say that there is nothing at an address."""
    return NotFound(
        f"Nothing is served at {uri!a:.300}.",
        "Addresses are skill://SLUG/PATH, and skill://SLUG.N/NAME/PATH of one version;"
        " resources/list gives them.",
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the files of a version are.

    Attributes:
        pin: the version.
        is_pinned: whether the address names it, and does not mean what is published.
    """

    pin: Pin
    is_pinned: bool

    @property
    def root(self) -> str:
        """The address of the folder, without a slash at its end."""
        pin = self.pin
        number = f".{pin.version.version}" if self.is_pinned else ""
        return f"{SCHEME}{pin.slug}{number}/{self.inner}".rstrip("/")

    @property
    def inner(self) -> str:
        """The path of the folder behind the host: the skill's name and a slash, or nothing."""
        name = name_of(self.pin)
        if name is None or (name == self.pin.slug and not self.is_pinned):
            return ""
        return f"{name}/"

    def uri(self, path: str) -> str:
        """Give the address of a file, or of a folder below."""
        return f"{self.root}/{quote(path, safe=_SAFE)}"

    def inside(self, rest: str) -> str | None:
        """Give the path in the folder that an address means; None for one outside of it.

        The folder itself is the empty path.
        """
        if f"{rest}/" == self.inner:
            return ""
        return rest.removeprefix(self.inner) if rest.startswith(self.inner) else None


@dataclass(frozen=True, slots=True)
class Place:
    """What an address means in the registry.

    Attributes:
        uri: the address.
        held: the version.
        folder: where its files are.
        path: in that folder, which it is itself where this is empty; None for one outside of it.
    """

    uri: str
    held: Held
    folder: Folder
    path: str | None

    @property
    def nothing(self) -> NotFound:
        """Say that there is nothing, and where the files are."""
        error = nothing_at(self.uri)
        error.hint = self.where
        return error

    @property
    def where(self) -> str:
        """Say where the files are; and which address was meant, or else that of the main file."""
        pin = self.folder.pin
        sent = parse(self.uri).rest
        files = {entry.path for entry in pin.version.files}
        meant = next((path for path in (sent, sent.partition("/")[2]) if path in files), None)
        return (
            f"The files of {pin.slug}@{pin.version.version} are at {self.folder.root}/PATH:"
            f" {self.folder.uri(meant or main_file(pin).path)}"
        )


def find(registry: Registry, uri: str) -> Place:
    """Find the version that an address is of, without a number the published one.

    Raises:
        NotFound: the address is none of this registry's, or there is no such version.
        IntegrityFailure: its records are not what was published.
    """
    address = parse(uri)
    held = hold(registry, address.reference)
    folder = Folder(held.pin, isinstance(address.reference.version, int))
    return Place(uri, held, folder, folder.inside(address.rest))


def name_of(pin: Pin) -> str | None:
    """Give the name of a version's folder; None where it has no name that a folder can have."""
    name = fields_of(pin).get("name")
    is_name = isinstance(name, str) and is_slug(name) and isinstance(core_value(name), str)
    return str(name) if is_name and has_main_file(pin) else None


def has_main_file(pin: Pin) -> bool:
    """Tell whether a version has a SKILL.md."""
    return any(entry.path == MAIN_FILE for entry in pin.version.files)


def fields_of(pin: Pin) -> JsonObject:
    """Give the frontmatter that the row of a version keeps."""
    found = pin.version.metadata.get("frontmatter")
    return found if isinstance(found, dict) else {}
