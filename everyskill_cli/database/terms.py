"""What search finds a text by: its words, folded, the same on every database.

PostgreSQL makes the same of a row in a function of the schema (``0003_search.postgresql.sql``); the
tests hold both together. A word is a run of letters, digits and marks of any script. Scripts that
put no spaces between words (Chinese, Japanese, Thai …) are found by every two neighbouring
characters. Case and accents make no difference.

A token is a word, or one of these with a sign before it that stands in no word: a word of the slug
or the name (``=``), a tag (``#``), a category (``/``), the id of the author (``@``), or three
neighbouring characters of a part of the slug (``~``), by which a mistyped one is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from everyskill_cli.model import is_slug

WORD_MAX: Final = 64  # characters of a word that count
PREFIX_MIN: Final = 3  # a word that is shorter finds no longer ones
NAME, TAG, CATEGORY, AUTHOR, NEAR = "=#/@~"
SEPARATORS: Final = (  # by code point, because servers know different letters
    r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf"
    r"\u00d7\u00f7\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05f3\u05f4\u060c\u061b\u061f"
    r"\u066a-\u066d\u06d4\u0964\u0965\u0e3f\u0e4f\u0e5a\u0e5b\u104a-\u104f\u1680\u17d4-\u17db"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u245f\u2500-\u2bff\u2e00-\u2e7f\u2ff0-\u3004\u3008-\u3020"
    r"\u3030\u303d-\u303f\u30a0\u30fb\ue000-\uf8ff\ufe00-\ufe1f\ufe30-\ufe6f\ufeff\uff01-\uff0f"
    r"\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff"
)
UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3035"
    r"\u3040-\u309f\u30a1-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Accents go; and small forms that Python knows from 3.14 on are the same before, as on PostgreSQL.
_BARE: Final = {
    **dict.fromkeys(range(0x300, 0x370)),
    **{garay: garay + 0x20 for garay in range(0x10D50, 0x10D66)},
    0x1C89: 0x1C8A,
    0xA7CB: 0x264,
    0xA7CC: 0xA7CD,
    0xA7DA: 0xA7DB,
    0xA7DC: 0x19B,
}


class _Signs(dict[int, int]):
    """What each sign is for ``str.translate``, found out once: a class in a pattern takes 10 ms."""

    def __init__(self, ranges: str, also: str = "") -> None:
        found = re.findall(r"\\[uU]([0-9a-f]+)(?:-\\[uU]([0-9a-f]+))?", also + ranges)
        self._ranges = [(int(first, 16), int(last or first, 16)) for first, last in found]

    def __missing__(self, code: int) -> int:
        is_there = any(first <= code <= last for first, last in self._ranges)
        self[code] = ord(" ") if is_there else code
        return self[code]


SPACES: Final = _Signs(SEPARATORS, also=r"\u0000\ud800-\udfff")
_UNSPACED: Final = _Signs(UNSPACED)


class Term(NamedTuple):
    """One thing that a row must have: a token, or any token that begins so."""

    token: str
    is_prefix: bool = False


def fold(text: str) -> str:
    """Make case and accents equal."""
    if not text.isascii():
        bare = unicodedata.normalize("NFD", text).translate(_BARE)
        text = unicodedata.normalize("NFC", bare)
    return text.lower().replace("ς", "\u03c3")  # a small sigma, wherever it stands


def split(text: str) -> list[str]:
    """Give the words of a text, folded, in order."""
    return fold(text).translate(SPACES).split()


def is_unspaced(sign: str) -> bool:
    """Tell whether a sign is of a script that puts no spaces between words."""
    return _UNSPACED[ord(sign)] != ord(sign)


def _parts(word: str) -> Iterator[tuple[bool, str]]:
    """Take a word apart where its script changes; say of which part each two signs are a word."""
    for dense, signs in groupby(word, is_unspaced):
        yield dense, "".join(signs)


def terms_of(text: str) -> list[Term]:
    """Read what somebody typed: every term must be met. Empty where it holds no word."""
    return list(dict.fromkeys(term for word in split(text) for term in _terms(word)))


def _terms(word: str) -> Iterator[Term]:
    for dense, part in _parts(word):
        if not dense:
            is_korean = "\uac00" <= part[0] <= "\ud7a3"  # two signs make a word, a third its case
            is_long = len(part) >= PREFIX_MIN or is_korean
            yield Term(part[:WORD_MAX], is_long)
        elif len(part) == 1:
            yield Term(part, is_prefix=True)
        else:
            yield from (Term(part[at : at + 2], is_prefix=True) for at in range(len(part) - 1))


def words_of(text: str) -> set[str]:
    """Give the tokens of a text, each once."""
    found: set[str] = set()
    for word in split(text):
        found.add(word[:WORD_MAX])
        if not word.isascii() and any(map(is_unspaced, word)):
            found |= {part[:WORD_MAX] for dense, part in _parts(word) if not dense}
            found |= {word[at : at + 2] for at, sign in enumerate(word) if is_unspaced(sign)}
    return found


def grams(slug: str) -> set[str]:
    """Give three neighbouring characters each of the parts of a slug, their ends included."""
    ends = (f"_{part}_" for part in slug.split("-") if part)
    return {part[at : at + 3] for part in ends for at in range(len(part) - 2)}


def labels(tags: Iterable[str], category: str | None, author_id: str | None) -> list[str]:
    """Give the tokens of what a skill is filed under."""
    found = [f"{TAG}{tag}" for tag in tags]
    found += [f"{CATEGORY}{category}"] if category is not None else []
    return found + ([f"{AUTHOR}{author_id}"] if author_id is not None else [])


def tokens_of(
    *,
    slug: str,
    name: str,
    description: str,
    category: str,
    tags: list[str],
    author_id: str,
    content: str,
) -> set[str]:
    """Give everything that a skill is found by."""
    named = words_of(f"{slug} {name}")
    tags = [tag for tag in tags if is_slug(tag)]
    filed = labels(tags, category if is_slug(category) else None, author_id)
    said = words_of("\n".join((description, *tags, content)))
    return (
        named
        | said
        | {f"{NAME}{word}" for word in named}
        | {f"{NEAR}{gram}" for gram in grams(slug)}
        | set(filed)
    )
