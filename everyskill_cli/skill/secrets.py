"""Secrets and hidden text that must not be published by accident.

Only formats that say what they are: of 28 official skills none raises an alarm. A pattern can
be wrong all the same, so every finding has a fingerprint by which it can be allowed. It is made
of the secret alone, so it stays allowed when lines or files move, and no longer when the secret
changes. No message ever holds the secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.skill.files import SkillFile
from everyskill_cli.skill.secret_kinds import KINDS, QUICK

NAMED_MAX: Final = 10  # findings that one error names
FINGERPRINT: Final = 12  # hex digits: 48 bits, enough to tell the findings of one skill apart

# Words and shapes of tokens in documentation: AKIAIOSFODNN7EXAMPLE, ghp_xxxxxxxx, npm_0000.
_PLACEHOLDER: Final = re.compile(
    rb"example|placeholder|redacted|changeme|dummy|fake|your|xxxx|0000|1234567|abcdefg|a1b2c3"
    rb"|(?P<one>.)(?P=one){5}",
    re.IGNORECASE | re.DOTALL,
)
_ENV_EXAMPLES: Final = ("example", "sample", "template")

_BIDI: Final = re.compile(rb"\xe2(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])")
_TAGS: Final = re.compile(rb"\xf3\xa0[\x80\x81]")
# The three flags that Unicode spells with tag characters: England, Scotland, Wales.
_FLAGS: Final = tuple(
    ("\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in code) + "\U000e007f").encode()
    for code in ("gbeng", "gbsct", "gbwls")
)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """One thing that must not be published: where it is, and the fingerprint that allows it."""

    rule: str
    what: str
    file: SkillFile
    start: int
    fingerprint: str

    @property
    def where(self) -> str:
        return f"{self.file.path} line {self.line}"

    @property
    def line(self) -> int:
        return self.file.data.count(b"\n", 0, self.start) + 1


def check_secrets(files: Iterable[SkillFile], allowed: frozenset[str]) -> tuple[str, ...]:
    """Refuse secrets, ``.env`` files and hidden characters.

    Args:
        files: what is to be published.
        allowed: fingerprints of findings that somebody looked at and allowed.

    Returns:
        The fingerprints out of ``allowed`` that were needed, sorted.

    Raises:
        InvalidSkill: a finding that is not allowed; its hint names the option that allows it.
    """
    needed: set[str] = set()
    refused: dict[str, _Suspect] = {}
    for suspect in _suspects(files):
        if suspect.fingerprint in allowed:
            needed.add(suspect.fingerprint)
        else:
            refused.setdefault(suspect.fingerprint, suspect)
        if len(refused) > NAMED_MAX:
            break
    if refused:
        raise _refusal(list(refused.values()))
    return tuple(sorted(needed))


def _suspects(files: Iterable[SkillFile]) -> Iterator[_Suspect]:
    quick = _quick()
    for file in files:
        if _is_env(file.path):
            what = "settings that are often secret"
            yield _Suspect("env-file", what, file, 0, _fingerprint("env-file", file.data))
        data = file.data
        if any(look.search(data) for look in quick):
            yield from _tokens(file)
        if not data.isascii():
            yield from _hidden(file)


@cache
def _quick() -> tuple[re.Pattern[bytes], ...]:
    return tuple(re.compile(pattern) for pattern in QUICK)


def _tokens(file: SkillFile) -> Iterator[_Suspect]:
    for kind in KINDS:
        for pattern in kind.patterns():
            for match in re.finditer(pattern, file.data):
                token = match["token"] if "token" in match.re.groupindex else match[0]
                # The body of a key may hold any word by chance, and OpenSSH's always has AAAAAA.
                if kind.rule == "secret-private-key" or not _PLACEHOLDER.search(token):
                    identity = _fingerprint(kind.rule, token)
                    yield _Suspect(kind.rule, kind.what, file, match.start(), identity)


def _hidden(file: SkillFile) -> Iterator[_Suspect]:
    """Find characters that a person does not see: one finding a line, known by that line."""
    data = file.data
    if not (_BIDI.search(data) or _TAGS.search(data)) or not _is_utf8(data):
        return
    for flag in _FLAGS:
        data = data.replace(flag, b"")
    for what, pattern in (
        ("a character that reverses the order of the text", _BIDI),
        ("invisible tag characters", _TAGS),
    ):
        match = pattern.search(data)
        while match:
            end = data.find(b"\n", match.end())
            end = len(data) if end < 0 else end
            line = data[data.rfind(b"\n", 0, match.start()) + 1 : end]
            shown = SkillFile(file.path, data, file.executable)
            fingerprint = _fingerprint("hidden-unicode", line)
            yield _Suspect("hidden-unicode", what, shown, match.start(), fingerprint)
            match = pattern.search(data, end)


def _refusal(suspects: list[_Suspect]) -> InvalidSkill:
    named = suspects[:NAMED_MAX]
    parts = tuple(_alone(suspect) for suspect in named)
    first, allow = parts[0], parts[0].hint
    for other in named[1:]:
        allow += f"; also {other.what} in {other.where}: {_option(other)}"
    if len(suspects) > NAMED_MAX:
        allow += "; and more"
        parts[-1].hint += " There are more behind it."
    return InvalidSkill(
        first.message, allow, rule=first.rule, path=first.path, line=first.line, parts=parts
    )


def _alone(suspect: _Suspect) -> InvalidSkill:
    return InvalidSkill(
        f"{suspect.where} holds what looks like {suspect.what}.",
        f"Remove it, and revoke it if it ever worked. Allow it: {_option(suspect)}",
        rule=suspect.rule,
        path=suspect.file.path,
        line=suspect.line,
    )


def _option(suspect: _Suspect) -> str:
    return f"--allow-secret {suspect.fingerprint}"


def _fingerprint(rule: str, secret: bytes) -> str:
    return hashlib.sha256(rule.encode() + b"\0" + secret).hexdigest()[:FINGERPRINT]


def _is_env(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name == ".env" or (name.startswith(".env.") and not name.endswith(_ENV_EXAMPLES))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
