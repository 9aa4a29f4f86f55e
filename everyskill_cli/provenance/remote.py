"""The address of a repository as it may be kept: what names it, and nothing that opens it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_LENGTH_MAX: Final = 500  # characters
_SCHEMES: Final = ("https", "http", "ssh", "git")
_HOST: Final = r"[\w-][\w.-]*|\[[0-9A-Fa-f:.]+\]"
# As git reads it: a host, and a colon before the first slash. One letter is a drive of Windows.
_SCP: Final = re.compile(rf"(?:[^@:/]*@)?(?!\w:)({_HOST}):(?!:|//)(.+)")


def address(url: str) -> str | None:
    """Give a remote's URL without what could be a secret, or None where it names no server.

    User and password, query and fragment go; so do ``.git`` and slashes at the end, so that a
    remote and a CI variable name one repository alike. ``git@host:owner/name.git`` becomes
    ``ssh://host/owner/name``. A path of this machine, a helper's address (``ext::…``), and
    whatever cannot be read without doubt is None: an ``@`` that is left may follow a password.
    """
    if not url.isprintable() or re.search(r"[\s\\]", url):
        return None
    scheme, separator, _ = url.partition("://")
    if not separator:
        match = _SCP.fullmatch(url)
        return match and _joined("ssh", match[1], re.split("[?#]", match[2])[0])
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    name = host.rpartition(":")[0] if port is not None else host.removesuffix(":")
    if scheme.lower() not in _SCHEMES or not re.fullmatch(_HOST, name):
        return None
    return _joined(scheme, name if port is None else f"{name}:{port}", parts.path)


def _joined(scheme: str, host: str, path: str) -> str | None:
    path = re.sub(r"(?:\.git|/)+$", "", path.lstrip("/"))
    whole = f"{scheme.lower()}://{host.lower()}/{path}"
    return whole if path and "@" not in path and len(whole) <= _LENGTH_MAX else None
