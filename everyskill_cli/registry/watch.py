"""What a command over many skills tells whoever waits for it, and hears from them."""

from __future__ import annotations


class Watch:
    """Somebody who looks at nothing and never interrupts; a front door may know better.

    Attributes:
        stopped: whether somebody asked to stop; what is under way is then finished, and nothing
            new is begun.
    """

    stopped: bool = False

    def read(self, done: int, total: int) -> None:
        """Hear that so many of all skills were read from the disk."""

    def store(self, done: int, total: int, sent: int, size: int) -> None:
        """Hear that so many of the skills to store, and so many of their bytes, are stored."""

    def install(self, done: int, total: int) -> None:
        """Hear that so many of the skills to install lie ready."""

    def verify(self, done: int, total: int, what: str) -> None:
        """Hear that so many of all skills or objects were looked at."""

    def look(self, done: int, total: int) -> None:
        """Hear that so many of about so many objects of the store were looked at."""

    def collect(self, done: int, total: int) -> None:
        """Hear that so many of the objects to delete were seen to."""
