"""YAML as strings, lists and maps, and nothing else.

Every scalar stays the text it is: ``1.10`` must not become 1.1, nor ``no`` false, because the
metadata is hashed and must come back the same from every database. Aliases (which make bombs),
tags (which make objects) and duplicate keys (which make two readers see two things) are refused.
PyYAML's events are used and not its constructors, so that no depth makes it recurse.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final

from everyskill_cli.errors import InvalidSkill

DEPTH_MAX: Final = 20  # lists and maps inside one another
NUMBER_MAX: Final = 100  # characters of a number
_UNHASHABLE: Final = re.compile("[\x00\ud800-\udfff]")
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER: Final = re.compile(
    r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class PlainYaml:
    """What a YAML text says, and on which line each top-level key stands (1-based)."""

    value: Any
    lines: dict[str, int]


def parse_yaml(
    text: str, *, path: str, rule: str, first_line: int = 1, typed: bool = False
) -> PlainYaml:
    """Read one YAML document.

    Args:
        text: the document, without a byte order mark.
        path: the file it stands in, for messages.
        rule: what a text that is no YAML breaks: ``invalid-frontmatter`` or ``invalid-yaml``.
        first_line: the line of the file on which the text begins.
        typed: for readers who hash nothing: give unquoted scalars as ``core_value`` does.

    Raises:
        InvalidSkill: no YAML, or more than strings, lists and maps; names the line.
    """
    import yaml  # 20 ms that a command which reads no skill does not pay

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    builder = _Builder(path, rule, first_line, typed=typed)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "nesting depth" in str(error.problem):  # libyaml's own limit, which it meets before ours
            raise builder.too_deep(mark.line if mark else None) from error
        what = f"is not valid YAML: {error.problem or error.context}"
        raise builder.broken(rule, what, mark.line if mark else None) from error
    except yaml.YAMLError as error:
        what = str(error).partition("\n")[0]
        raise builder.broken(rule, f"is not valid YAML: {what}") from error
    return PlainYaml(builder.value, builder.lines)


def core_value(text: str) -> Any:
    """Give what an unquoted scalar means in YAML 1.2's core schema, where JSON can say it.

    Infinity, what is no number, and numbers too long for anybody stay texts.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) > NUMBER_MAX or not _NUMBER.fullmatch(text):
        return text
    if text[:2] in ("0o", "0x"):
        return int(text, 0)
    if re.fullmatch("[-+]?[0-9]+", text):
        return int(text)
    number = float(text)
    return text if math.isinf(number) else number


@dataclass(slots=True)
class _Open:
    """A list or a map that is being filled; ``key`` is the one that waits for its value."""

    container: list[Any] | dict[str, Any]
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    path: str
    rule: str
    first_line: int
    typed: bool = False
    value: Any = ""
    lines: dict[str, int] = field(default_factory=dict)
    _open: list[_Open] = field(default_factory=list)
    _documents: int = 0

    def take(self, event: Any) -> None:
        """Add what one event says."""
        kind = type(event).__name__
        line = event.start_mark.line
        match kind:
            case "ScalarEvent":
                self._check_plain(event, line)
                text = self._scalar(event.value, line)
                is_plain = self.typed and event.implicit[0] and not self._awaits_key()
                self._place(core_value(text) if is_plain else text, line)
            case "MappingStartEvent" | "SequenceStartEvent":
                self._check_plain(event, line)
                self._begin({} if kind == "MappingStartEvent" else [], line)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._open.pop()
            case "AliasEvent":
                raise self.broken("yaml-alias", "uses a YAML anchor or alias", line)
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise self.broken(self.rule, "holds more than one YAML document", line)

    def too_deep(self, line: int | None) -> InvalidSkill:
        """Make the error for too many levels."""
        return self.broken("yaml-too-deep", f"nests more than {DEPTH_MAX} levels deep", line)

    def broken(self, rule: str, what: str, line: int | None = None) -> InvalidSkill:
        """Make the error for a rule that a line (0-based, of the text) breaks."""
        number = None if line is None else self.first_line + line
        where = "" if number is None else f" line {number}"
        return InvalidSkill(
            f"{self.path}{where} {what}.",
            "Write it as plain YAML: keys, text, lists and maps.",
            rule=rule,
            path=self.path,
            line=number,
        )

    def _check_plain(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            raise self.broken("yaml-alias", "uses a YAML anchor or alias", line)
        if event.tag is not None:
            raise self.broken("yaml-tag", "uses a YAML tag", line)

    def _scalar(self, text: str, line: int) -> str:
        if _UNHASHABLE.search(text):
            raise self.broken("unstorable-text", "holds a NUL or half a character", line)
        return text

    def _awaits_key(self) -> bool:
        """Tell whether what comes next is a key, which stays the text that it is."""
        target = self._open[-1] if self._open else None
        return target is not None and isinstance(target.container, dict) and target.key is None

    def _begin(self, container: list[Any] | dict[str, Any], line: int) -> None:
        if len(self._open) == DEPTH_MAX:
            raise self.too_deep(line)
        self._place(container, line)
        self._open.append(_Open(container))

    def _place(self, value: Any, line: int) -> None:
        if not self._open:
            self.value = value
            return
        target = self._open[-1]
        if isinstance(target.container, list):
            target.container.append(value)
        elif target.key is None:
            target.key = self._new_key(target.container, value, line)
        else:
            target.container[target.key] = value
            target.key = None

    def _new_key(self, container: dict[str, Any], key: Any, line: int) -> str:
        if not isinstance(key, str):
            raise self.broken(self.rule, "uses a list or a map as a key", line)
        if key in container:
            raise self.broken("duplicate-key", f"says {key!r} twice", line)
        if len(self._open) == 1:
            self.lines[key] = self.first_line + line
        return key
