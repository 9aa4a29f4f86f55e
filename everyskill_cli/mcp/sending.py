"""What the protocol can carry, and a model can see: anything else is made visible, or refused.

One answer that cannot be written would end the whole conversation. Characters that hide in a text,
or reorder it, would be read by a model and by nobody who looks over its shoulder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from everyskill_cli.errors import IntegrityFailure

DEPTH_MAX: Final = 60  # of lists and maps inside one another; what is published has 20 at most


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How JSON values are made fit to be sent.

    Attributes:
        visible: makes visible what hides in a text; line breaks and tabs stay.
    """

    visible: Callable[[str], str]

    def wrap(self, value: Any, exact: frozenset[str] = frozenset(), depth: int = 0) -> Any:
        """Give a JSON value in which every half of a character is replaced and nothing hides.

        Args:
            value: of which rows that everyskill never wrote may be a part.
            exact: what stands under these keys is given as it is, for somebody who compares it.
            depth: how many lists and maps it lies in.

        Raises:
            IntegrityFailure: it nests deeper than anything that is published.
        """
        if depth > DEPTH_MAX:
            raise IntegrityFailure(
                f"The registry holds what everyskill never wrote: more than {DEPTH_MAX} lists and"
                " maps inside one another.",
                "Find out who changed its records: everyskill verify",
            )
        if isinstance(value, str):
            return self.visible(whole(value))
        if isinstance(value, dict):
            return {
                self.visible(whole(key)): (_AS_IT_IS if key in exact else self).wrap(
                    item, exact, depth + 1
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.wrap(item, exact, depth + 1) for item in value]
        return value


def whole(text: str) -> str:
    """Replace every half of a character in a text."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_AS_IT_IS: Final = Wrapping(lambda text: text)
