"""Which characters may not be printed as they are, and what stands for them instead."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MARKS_MAX: Final = 5  # combining marks on one character; pointed Hebrew needs 5, zalgo more
_OTHER_THAN_ASCII: Final = re.compile(r"[^\x20-\x7e]+")
_OTHER_THAN_ASCII_LINES: Final = re.compile(r"[^\x20-\x7e\n\t]+")
_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_VIRAMA: Final = 9  # the combining class behind which Indic scripts write a joiner
_SELECTORS: Final = "\ufe0e\ufe0f"  # text or emoji style of the character before
_JOINER: Final = "\u200d"
_NON_JOINER: Final = "\u200c"
_KEYCAP: Final = "\u20e3"
_KEYCAP_BASES: Final = tuple("#*0123456789")
_MARKS: Final = ("Mn", "Me")
_CONTEXT: Final = _MARKS_MAX + 1  # how far back a decision looks

# Characters without a glyph of other categories than the ones below (Unicode's
# Default_Ignorable_Code_Point: fillers, variation selectors, unassigned tags), and noncharacters.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufdd0-\ufdef\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\ufffe\uffff\U000e0000-\U000e0fff]"
)
# Control, format (bidi, zero-width, tags), surrogate, line and paragraph separator. Private-use
# and unassigned characters stay: they show as a box, and newer emoji are "unassigned" to Python.
_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def in_line(text: str) -> str:
    """Escape what may not stand in one line."""
    return _OTHER_THAN_ASCII.sub(_shown_run, text)


def in_lines(text: str) -> str:
    """Escape what may not stand in lines of text; line breaks and tabs stay."""
    return _OTHER_THAN_ASCII_LINES.sub(_shown_run, text)


def in_json(document: str) -> str:
    """Escape in the strings of a JSON text, as JSON writes it."""
    return _OTHER_THAN_ASCII_LINES.sub(_json_run, document)


def _shown_run(run: re.Match[str]) -> str:
    text, (start, end) = run.string, run.span()
    shown = text[max(0, start - _CONTEXT) : start]  # printable ASCII, or a line break
    skip = len(shown)
    for index in range(start, end):
        character = text[index]
        stays = _may_stay(shown[-_CONTEXT:], character, text[index + 1 : index + 2])
        shown += character if stays else _escape(character)
    return shown[skip:]


def _may_stay(before: str, character: str, after: str) -> bool:
    """Tell whether a character can be printed behind what was printed before it."""
    if _is_unsafe(character):
        return _joins(before, character, after)
    if unicodedata.category(character) not in _MARKS:
        return True
    below = before[-_MARKS_MAX:]
    is_full = len(below) == _MARKS_MAX and all(unicodedata.category(c) in _MARKS for c in below)
    return below != "" and below[-1] != "\n" and not is_full


def _is_unsafe(character: str) -> bool:
    if unicodedata.category(character) in _UNSAFE_CATEGORIES:
        return True
    return _INVISIBLE.match(character) is not None or ord(character) & 0xFFFE == 0xFFFE


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _json_run(run: re.Match[str]) -> str:
    written, marks = "", 0  # marks on one character so far
    for character in run.group():
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        stays = marks <= _MARKS_MAX and not _is_unsafe(character)
        written += character if stays else _json_escape(character)
    return written


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _joins(before: str, character: str, after: str) -> bool:
    """Tell whether an invisible character is part of an emoji or of a script's spelling."""
    if character in _SELECTORS:
        keycap = before[-1:] in _KEYCAP_BASES and after == _KEYCAP
        return keycap or _is_emoji(before[-1:])
    if character not in (_JOINER, _NON_JOINER):
        return False
    if before and unicodedata.combining(before[-1]) == _VIRAMA:
        return True
    if character == _JOINER:
        return _is_emoji(before.rstrip(_SELECTORS)[-1:]) and _is_emoji(after)
    return _is_arabic(before[-1:]) and _is_arabic(after)


def _is_emoji(character: str) -> bool:
    return character > "\x7f" and unicodedata.category(character) in ("So", "Sm", "Sk")


def _is_arabic(letter: str) -> bool:
    return letter != "" and unicodedata.bidirectional(letter) == "AL"
