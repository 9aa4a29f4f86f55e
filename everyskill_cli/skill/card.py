"""A skill's name, description, declared version and slug, from what its main file says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.model import SLUG_MAX, JsonObject, is_slug
from everyskill_cli.skill.content import FRONTMATTER_MAX, Content

DESCRIPTION_MAX: Final = 1_024  # characters taken from a text that has no description
SLUG_RULES: Final = ("no-slug", "slug-too-long")  # what --slug puts right
LOOKED_AT: Final = 16 * 1024  # characters of a text in which its first paragraph is looked for

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_FENCE: Final = ("```", "~~~")
# Headings, HTML and comments, images and badges, tables, lines, list of links: no description.
_NO_PROSE: Final = re.compile(r"#{1,6}(?:\s|\Z)|<|!\[|\[!|\||[-*_=]{3,}\Z|\[[^\]]*\]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a registry shows of a skill before anybody opens it."""

    slug: str
    name: str
    description: str
    declared_version: str | None


def make_card(content: Content, *, path: str, title: str, slug: str | None) -> Card:
    """Put together what the file says and what the path says.

    Args:
        content: the main file, read.
        path: its name, for messages.
        title: what the skill is called where the file does not say: the folder or the stem.
        slug: as somebody typed it; None to make one from the name or the title.

    Raises:
        InvalidSkill: no slug can be made, or a text that no database can hold.
    """
    fields = content.fields
    name = _text(fields, "name", path)
    description = _text(fields, "description", path)
    return Card(
        slug=slug or _slug(name, title),
        name=name or title,
        description=description or first_paragraph(content.body),
        declared_version=_version(fields, path),
    )


def slugify(text: str) -> str:
    """Make a slug of any text: ``Crème Brûlée 2`` is ``creme-brulee-2``; empty if nothing is left.

    Accents go, every run of other characters becomes one hyphen. The result may be too long:
    cutting it would make two skills one.
    """
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def first_paragraph(body: str) -> str:
    """Give the first paragraph of prose in Markdown or plain text on one line, cut to 1,024."""
    lines: list[str] = []
    fenced = False
    for line in body[:LOOKED_AT].splitlines():
        line = line.strip()
        if line.startswith(_FENCE):
            fenced = not fenced
        if fenced or not line or line.startswith(_FENCE):
            if lines:
                break
        elif lines and set(line) in ({"="}, {"-"}):
            lines.clear()  # it was a heading, underlined
        elif lines or not _NO_PROSE.match(line):
            lines.append(line)
    return " ".join(lines)[:DESCRIPTION_MAX].rstrip()


def _slug(name: str | None, title: str) -> str:
    slug = slugify(name or "") or slugify(title)
    if is_slug(slug):
        return slug
    if slug:
        raise InvalidSkill(
            f"The name makes a slug of {len(slug)} characters; at most {SLUG_MAX} are allowed.",
            "Choose a shorter one: --slug NAME.",
            rule="slug-too-long",
        )
    raise InvalidSkill(
        f"No slug can be made of the name {name or title!r}: it has no letter a-z and no digit.",
        "Choose one: --slug NAME.",
        rule="no-slug",
    )


def _version(fields: JsonObject, path: str) -> str | None:
    metadata = fields.get("metadata")
    inner = _text(metadata, "version", path) if isinstance(metadata, dict) else None
    return inner or _text(fields, "version", path)


def _text(fields: JsonObject, key: str, path: str) -> str | None:
    """Give a field that is a text with something in it (or a TOML integer); None for others."""
    value: Any = fields.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    if _UNSTORABLE.search(value):
        what = f"has a {key} with a NUL or half a character"
        raise InvalidSkill(f"{path} {what}.", "Remove it.", rule="unstorable-text", path=path)
    if len(value.encode()) > FRONTMATTER_MAX:
        what = f"has a {key} of more than {FRONTMATTER_MAX // 1024} KiB"
        raise InvalidSkill(f"{path} {what}.", "Shorten it.", rule="field-too-long", path=path)
    return value
