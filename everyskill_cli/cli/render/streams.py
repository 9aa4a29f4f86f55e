"""Where text goes: is it a person's terminal, may it be coloured, what can it encode."""

from __future__ import annotations

import os
from typing import Final, TextIO

_DECLINED: Final = ("", "0", "false")
# For terminals and pipes that are not UTF-8; a sign and its stand-in mean the same.
_STAND_INS: Final = str.maketrans(
    {
        "★": "*",
        "☆": ".",
        "✓": "ok",
        "✗": "x",
        "→": "->",
        "·": "-",
        "–": "-",
        "…": "...",
        "━": "=",
        "╸": "-",
        "│": "|",
        "▁": "_",
        "▂": ".",
        "▃": ":",
        "▄": "-",
        "▅": "=",
        "▆": "+",
        "▇": "*",
        "█": "#",
    }
)


def is_for_people(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal, or is to be treated as one (``FORCE_COLOR``)."""
    return stream.isatty() or os.environ.get("FORCE_COLOR", "") not in _DECLINED


def may_colour(stream: TextIO) -> bool:
    """Tell whether colour is wanted: https://no-color.org, ``FORCE_COLOR``, ``TERM=dumb``."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_for_people(stream) and os.environ.get("FORCE_COLOR") not in ("0", "false")


def encoding(stream: TextIO) -> str:
    """Give what a stream encodes to; a stream of text alone takes everything."""
    return stream.encoding or "utf-8"


def is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can take every character."""
    return encoding(stream).lower().startswith("utf")


def encodable(text: str, encoding: str) -> str:
    """Replace what an encoding lacks: signs by their stand-ins, all else by its escape."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        signs = text.translate(_STAND_INS)
        return signs.encode(encoding, "backslashreplace").decode(encoding)
    return text


def write(stream: TextIO, text: str) -> None:
    """Write text and send it off, so that a closed pipe is noticed here (BrokenPipeError)."""
    stream.write(encodable(text, encoding(stream)))
    stream.flush()


def write_data(stream: TextIO, text: str) -> None:
    """Write published text byte for byte, in UTF-8 whatever the stream's encoding is."""
    stream.flush()
    raw = getattr(stream, "buffer", None)
    if raw is None:
        stream.write(text)
    else:
        raw.write(text.encode("utf-8"))
    stream.flush()
