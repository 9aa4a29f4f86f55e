"""What can go wrong, by what the caller can do about it.

One root, flat leaves. The class of an error is its meaning and gives the exit code; the message
is for people and is never parsed. A message never holds a secret.
"""

from __future__ import annotations

from typing import ClassVar


class EveryskillError(Exception):
    """The root: a message of one sentence, and a hint with the next thing to type.

    Attributes:
        code: the exit code of the command that fails with this error (1–10).
        message: one plain sentence, without a trailing newline.
        hint: what to do next; empty where there is nothing useful to say.

    """

    code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def public_type(self) -> str:
        """The documented type that this is; rooms have finer ones inside."""
        return next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == __name__)


class UsageError(EveryskillError):
    """The command line asks for something that cannot be meant; change it."""

    code = 2


class InvalidSkill(EveryskillError):
    """The skill breaks a rule; change the skill. Names the file, the line and the rule.

    Attributes:
        parts: where this says several findings in one, each as an error of its own, the first
            included; else empty.

    """

    code = 3

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        rule: str,
        path: str | None = None,
        line: int | None = None,
        parts: tuple[InvalidSkill, ...] = (),
    ) -> None:
        super().__init__(message, hint)
        self.rule = rule
        self.path = path
        self.line = line
        self.parts = parts


class NotFound(EveryskillError):
    """No such skill, version or object; ask for another name."""

    code = 4


class Conflict(EveryskillError):
    """The registry or the target moved on, or local edits would be lost; look, then retry."""

    code = 5


class Unavailable(EveryskillError):
    """A server, disk or lock did not answer or had no room; try again later."""

    code = 6


class IntegrityFailure(EveryskillError):
    """Stored bytes or records are not what was published; trust nothing, investigate."""

    code = 7


class NotReady(EveryskillError):
    """A setting is missing, contradictory or out of date; change it, or upgrade."""

    code = 8


class Forbidden(EveryskillError):
    """The database, the store or the file system refused this login; ask for a role."""

    code = 9


class PartialFailure(EveryskillError):
    """Some items of a batch failed; the answer on stdout lists which and why."""

    code = 10
