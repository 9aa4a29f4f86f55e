"""Where bytes are kept: a local folder, or a bucket of any S3 service. ``open_store`` opens one.

Keys are frozen: a skill's object is ``sha256/<first two>/<hex>``, the digest of its own bytes, and
``everyskill.json`` at the root names the one registry that the store belongs to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everyskill_cli.errors import NotReady
from everyskill_cli.stores.base import OBJECT_MAX, ObjectInfo, Store
from everyskill_cli.stores.keys import content_key
from everyskill_cli.stores.marker import MARKER

if TYPE_CHECKING:
    from everyskill_cli.settings import S3Settings

__all__ = ["MARKER", "OBJECT_MAX", "ObjectInfo", "Store", "content_key", "open_store"]


def open_store(url: str, credentials: S3Settings | None = None) -> Store:
    """Open the store at a URL: ``file:///path`` or ``s3://bucket/prefix``; NotReady for others.

    Nothing is read, written or connected to before the store's first use. ``credentials`` say how
    an S3 service is reached; without them the standard AWS chain does. A folder ignores them.
    """
    scheme, separator, rest = url.partition("://")
    match scheme.lower() if separator else "":
        case "file":
            from everyskill_cli.stores.folder import FolderStore

            return FolderStore.open(rest)
        case "s3":
            from everyskill_cli.stores.s3 import S3Store

            return S3Store.open(rest, credentials)
    # The URL is not repeated: what was put here by mistake may hold a login.
    raise NotReady(
        "The store URL starts neither with file:// nor with s3://.",
        "Set EVERYSKILL_STORE_URL to file:///path/of/a/folder or s3://bucket/prefix.",
    )
