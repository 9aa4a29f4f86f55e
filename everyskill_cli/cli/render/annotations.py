"""``--format github``: one workflow command a line, which GitHub shows at the line it is about.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions defines them. A
line that begins with ``::`` is a command, so nothing foreign may begin a line or end what it is
in: everything is filtered as for a terminal, which leaves no line break, and then escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.remarks import Remark, from_root, remarks_of, total
from everyskill_cli.cli.render.safety import visible

if TYPE_CHECKING:
    from everyskill_cli.model import CheckAnswer

_IN_MESSAGE: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = _IN_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def text_of(value: CheckAnswer) -> str:
    """Write an answer as commands, what refuses first, and close with how many skills there are."""
    return "".join(f"{line}\n" for line in (*map(_command, remarks_of(value)), total(value)))


def _command(remark: Remark) -> str:
    properties = {"title": f"everyskill: {remark.rule}"}
    if remark.file is not None:
        properties = {"file": from_root(remark.file), **_line(remark), **properties}
    said = ",".join(
        f"{name}={visible(text).translate(_IN_PROPERTY)}" for name, text in properties.items()
    )
    message = "\n".join(visible(text) for text in (remark.message, remark.hint) if text)
    level = "warning" if remark.status == "warning" else "error"
    return f"::{level} {said}::{message.translate(_IN_MESSAGE)}"


def _line(remark: Remark) -> dict[str, str]:
    return {} if remark.line is None else {"line": str(remark.line)}
