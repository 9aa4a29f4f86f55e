"""What the main file of a skill says: its text, its fields, and where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.model import JsonObject
from everyskill_cli.skill.files import SkillFile
from everyskill_cli.skill.plain_yaml import parse_yaml

MARKDOWN: Final = "text/markdown; charset=utf-8"
PLAIN: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
YAML: Final = "application/yaml"  # RFC 9512
TOML: Final = "application/toml"
ARCHIVE: Final = "application/zip"

SUFFIXES: Final = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdc": MARKDOWN,
    ".txt": PLAIN,
    ".text": PLAIN,
    ".json": JSON,
    ".yaml": YAML,
    ".yml": YAML,
    ".toml": TOML,
}

FRONTMATTER_MAX: Final = 64 * 1024  # bytes between the two lines ---
# Bytes of a YAML or TOML file: their parsers need up to 0.3 s and 0.8 s for this much.
SLOW_MAX: Final = 1024 * 1024
TOML_DOTS_MAX: Final = 32  # tomllib needs quadratic time for a key of many parts
# Brackets inside one another in JSON and TOML. Python's parsers recurse, and how deep they can
# differs from version to version: what one could publish, another could not read.
DEPTH_MAX: Final = 100

_OPENING: Final = re.compile(r"---[ \t]*\r?(?:\n|\Z)")
_CLOSING: Final = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_DOTTED_KEY: Final = re.compile(
    r"(?:(?:(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"
    rf"{{{TOML_DOTS_MAX}}}"
)
# Brackets that count, and what can hold some that do not: texts and comments.
_JSON_BRACKETS: Final = re.compile(r"\"(?:[^\"\\]++|\\.)*+\"|[\[{]|[\]}]", re.DOTALL)
_TOML_BRACKETS: Final = re.compile(
    r"\"\"\"(?:[^\"\\]++|\\.|\"(?!\"\"))*+\"\"\"|'''(?:[^']++|'(?!''))*+'''"
    r"|\"(?:[^\"\\\n]++|\\.)*+\"|'[^'\n]*+'|\#[^\n]*+|[\[{]|[\]}]",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The main file, read.

    Attributes:
        text: the whole file, without a byte order mark.
        body: what comes after the frontmatter.
        frontmatter: as found, every scalar a string; None where there is none.
        fields: where to look for name, description and version: the frontmatter or, of a JSON,
            YAML or TOML file, its top level.
        lines: on which line (1-based) each top-level key of a YAML text stands.
    """

    text: str
    body: str
    frontmatter: JsonObject | None
    fields: JsonObject = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_content(file: SkillFile, content_type: str) -> Content:
    """Read SKILL.md or the one file of a skill, by the rules for its type.

    Raises:
        InvalidSkill: not UTF-8, NUL, nothing in it, or a text that its format does not allow.
    """
    text = _decode(file)
    match content_type:
        case "application/json":
            return Content(text=text, body="", frontmatter=None, fields=_json(text, file.path))
        case "application/toml":
            return Content(text=text, body="", frontmatter=None, fields=_toml(text, file.path))
        case "application/yaml":
            _check_slow(text, file.path, "YAML")
            parsed = parse_yaml(text, path=file.path, rule="invalid-yaml")
            return Content(text=text, body="", frontmatter=None, fields=_object(parsed.value))
        case "text/plain; charset=utf-8":
            return Content(text=text, body=text, frontmatter=None)
    return _markdown(text, file.path)


def _decode(file: SkillFile) -> str:
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        raise _invalid("not-utf8", file.path, "is not UTF-8", "Save it as UTF-8.", line) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _invalid("nul-character", file.path, "holds a NUL character", "Remove it.", line)
    if not text.strip():
        raise _invalid("empty-file", file.path, "has nothing in it", "Write the skill first.")
    return text


def _markdown(text: str, path: str) -> Content:
    found = _find_frontmatter(text, path)
    if found is None:
        return Content(text=text, body=text, frontmatter=None)
    raw, end = found
    fields, lines = _parse_frontmatter(raw, path)
    return Content(text=text, body=text[end:], frontmatter=fields, fields=fields, lines=lines)


def read_frontmatter(file: SkillFile) -> JsonObject:
    """Read a SKILL.md's frontmatter as other programs do: numbers, true, false, null as such.

    Raises:
        InvalidSkill: as ``read_content``.
    """
    found = _find_frontmatter(_decode(file), file.path)
    return {} if found is None else _parse_frontmatter(found[0], file.path, typed=True)[0]


def _find_frontmatter(text: str, path: str) -> tuple[str, int] | None:
    """Give what stands between the two lines ---, and where the second one ends."""
    opening = _OPENING.match(text)
    if opening is None:
        return None
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        raise _invalid(
            "unclosed-frontmatter",
            path,
            "begins with --- and has no second line ---",
            "Close the frontmatter with a line that is exactly ---.",
            1,
        )
    raw = text[opening.end() : closing.start()]
    if len(raw) > FRONTMATTER_MAX or len(raw.encode()) > FRONTMATTER_MAX:
        raise _invalid(
            "frontmatter-too-large",
            path,
            f"has more than {FRONTMATTER_MAX // 1024} KiB of frontmatter",
            "Move what is long into the text below it.",
        )
    return raw, closing.end()


def _parse_frontmatter(
    raw: str, path: str, *, typed: bool = False
) -> tuple[JsonObject, dict[str, int]]:
    """Give the fields, and the line of each."""
    parsed = parse_yaml(raw, path=path, rule="invalid-frontmatter", first_line=2, typed=typed)
    if not isinstance(parsed.value, dict) and parsed.value not in ("", None):
        raise _invalid(
            "frontmatter-not-a-map",
            path,
            "has a frontmatter that is no list of keys",
            "Write lines such as name: my-skill.",
            2,
        )
    return _object(parsed.value), parsed.lines


def _json(text: str, path: str) -> JsonObject:
    import json  # 3 ms that only such a file needs

    def refuse_constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON value")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("an object has the same key twice")
        return found

    _check_depth(text, _JSON_BRACKETS, path, "invalid-json")
    try:
        value = json.loads(
            text,
            object_pairs_hook=unique,
            parse_constant=refuse_constant,
            parse_int=str,  # as written; and a number of a million digits costs nothing
            parse_float=str,
        )
    except ValueError as error:
        line = getattr(error, "lineno", None)
        what = f"is not valid JSON: {getattr(error, 'msg', error)}"
        raise _invalid("invalid-json", path, what, "Correct it.", line) from error
    return _object(value)


def _toml(text: str, path: str) -> JsonObject:
    import tomllib  # 10 ms that only such a file needs

    _check_slow(text, path, "TOML")
    _check_depth(text, _TOML_BRACKETS, path, "invalid-toml")
    if _DOTTED_KEY.search(text):
        what = f"has a key of more than {TOML_DOTS_MAX} parts"
        raise _invalid("invalid-toml", path, what, "Use tables.")
    try:
        return tomllib.loads(text, parse_float=str)
    except ValueError as error:
        what = f"is not valid TOML: {error}"
        raise _invalid("invalid-toml", path, what, "Correct it.") from error


def _check_depth(text: str, brackets: re.Pattern[str], path: str, rule: str) -> None:
    depth = 0
    for match in brackets.finditer(text):
        bracket = match[0]
        if bracket in "[{":
            depth += 1
        elif bracket in "]}":
            depth -= 1
        if depth > DEPTH_MAX:
            line = text.count("\n", 0, match.start()) + 1
            what = f"nests more than {DEPTH_MAX} levels deep"
            raise _invalid(rule, path, what, "Flatten it.", line)


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _check_slow(text: str, path: str, name: str) -> None:
    if len(text) > SLOW_MAX or len(text.encode()) > SLOW_MAX:
        raise _invalid(
            "config-too-large",
            path,
            f"is a {name} file of more than {SLOW_MAX // 2**20} MiB",
            "Put it into a folder beside a SKILL.md: there it is kept and not parsed.",
        )


def _invalid(rule: str, path: str, what: str, hint: str, line: int | None = None) -> InvalidSkill:
    where = "" if line is None else f" line {line}"
    return InvalidSkill(f"{path}{where} {what}.", hint, rule=rule, path=path, line=line)
