"""The addresses of files: ``skill://SLUG/PATH``, and of one version ``skill://SLUG.N/NAME/PATH``.

The Skills extension wants the folder of a skill to be called as its frontmatter calls it. A slug
mostly is that name; where it is not, the name follows it: ``skill://SLUG/NAME/PATH``. What is no
skill by the specification has no such folder, and its files lie directly behind the slug. A slug
holds no dot, so the address of a version is no other skill's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from everyskill_cli.errors import NotFound
from everyskill_cli.model import Pin, Reference, is_slug
from everyskill_cli.registry.get import MAIN_FILE
from everyskill_cli.skill.plain_yaml import core_value

SCHEME: Final = "skill://"
FILES_MAX: Final = 512  # what every host of the extension takes
BYTES_MAX: Final = 16 * 1024 * 1024
DESCRIPTION_MAX: Final = 1_024
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
        "Addresses are skill://SLUG/PATH, and skill://SLUG.N/NAME/PATH of one version.",
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


def name_of(pin: Pin) -> str | None:
    """Give the name of a version in the Skills extension; None where it is no skill there."""
    return None if why_no_skill(pin) else str(_fields(pin)["name"])


def why_no_skill(pin: Pin) -> str | None:
    """Say why a version is no skill of the Skills extension; None where it is one."""
    fields, files = _fields(pin), pin.version.files
    name, description = fields.get("name"), fields.get("description")
    if all(entry.path != MAIN_FILE for entry in files):
        return f"it has no {MAIN_FILE}"
    if not isinstance(name, str) or not is_slug(name) or not isinstance(core_value(name), str):
        return "its name is not 1-64 of a-z and 0-9 in groups joined by one hyphen"
    if not isinstance(description, str) or not 1 <= len(description.strip()) <= DESCRIPTION_MAX:
        return f"its description has not 1-{DESCRIPTION_MAX:,} characters"
    if len(files) > FILES_MAX or sum(entry.size for entry in files) > BYTES_MAX:
        return f"it has more than {FILES_MAX} files or {BYTES_MAX // 2**20} MiB"
    return None


def _fields(pin: Pin) -> dict[str, object]:
    found = pin.version.metadata.get("frontmatter")
    return found if isinstance(found, dict) else {}
