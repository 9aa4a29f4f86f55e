"""The report in Markdown: what a person reads on a pull request or in a job's summary.

Names, messages and paths are strangers' text, and the page that shows them belongs to somebody
else. All of it stands in cells of tables. A word that is more than letters stands in ``<code>``
with its punctuation as character references: there Markdown, HTML, links, and what GitHub and
GitLab make of ``@name`` and ``#1`` afterwards have no meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.batches import BAD, QUIET
from everyskill_cli.cli.render.remarks import Remark, remarks_of
from everyskill_cli.cli.render.safety import visible
from everyskill_cli.cli.render.words import counted, size
from everyskill_cli.model import CheckAnswer, PublishAnswer

if TYPE_CHECKING:
    from everyskill_cli.model import CheckResult, Finding, PublishResult

# A comment on GitHub may have 65,536 characters, a job's summary 1 MiB. Of each table as many
# rows as fit are there (rows, bytes); together with the rest they stay below 60,000 bytes.
_FAILURES_MAX: Final = (200, 30_000)
_CHANGES_MAX: Final = (200, 16_000)
_WARNINGS_MAX: Final = (100, 10_000)

_NAME_MAX: Final = 160  # characters of a path
_SENTENCE_MAX: Final = 600  # characters of a message or a hint
_FILES_NAMED: Final = 3  # of those that a version changes
_CHANGES: Final = ("added", "modified", "removed")
_SAID: Final = {
    "would-publish": "would be published",
    "draft": "kept as draft",
    "skipped": "not begun",
}
_ORDER: Final = (
    "failed",
    "refused",
    "published",
    "draft",
    "promoted",
    "would-publish",
    "skipped",
    "ok",
    "unchanged",
)

_LETTERS: Final = r"[^\W\d_]+(?:['’][^\W\d_]+)*"
_PLAIN: Final = re.compile(rf"[(„“]?(?:{_LETTERS}|\d[\d,]*)[.,;:!?)”]*|[–—→×…]")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,}")  # GitHub makes links of those that it knows
_PUNCTUATION: Final = re.compile(r"[!-/:-@\[-`{-~]")


def markdown(answer: PublishAnswer | CheckAnswer) -> str:
    """Write an answer of ``publish`` or ``check`` as a report of at most 60,000 bytes.

    What went wrong comes first, with file and line; then what is new or changed; then, folded,
    the warnings. What stays as it was is counted alone. It ends with an empty line, so that
    something else can be appended.
    """
    if isinstance(answer, PublishAnswer):
        blocks = [
            _headline("publish", answer.results),
            *_failures("Not published", _refusals(answer.results)),
            *_changes(answer.results),
            *_warnings(answer),
        ]
    else:
        bad = [remark for remark in remarks_of(answer) if remark.status != "warning"]
        blocks = [
            _headline("check", answer.results),
            *_failures("To correct", bad),
            *_warnings(answer),
        ]
    return "".join(f"{block}\n\n" for block in blocks)


def _headline(command: str, results: tuple[PublishResult, ...] | tuple[CheckResult, ...]) -> str:
    counts = Counter(str(result.status) for result in results)
    said = [
        f"{counts[word]:,} {_SAID.get(word, word)}"
        for word in sorted(counts, key=lambda word: (_ORDER.index(word), word))
    ]
    dry = " (dry run)" if "would-publish" in counts else ""
    return f"### everyskill {command}{dry}: {', '.join(said) or 'no skills'}"


def _refusals(results: tuple[PublishResult, ...]) -> Iterator[Remark]:
    for word in BAD:
        for result in results:
            if result.status == word and (error := result.error) is not None:
                rule = error.rule or error.type
                what = error.message, error.hint
                yield Remark(word, rule, *what, result.path, error.path, error.line)


def _failures(title: str, remarks: Iterable[Remark]) -> list[str]:
    rows = [
        _row(_place(remark), _code(remark.rule), _sentences(remark.message, remark.hint))
        for remark in remarks
    ]
    return _table(title, ("where", "rule", "what to do"), rows, _FAILURES_MAX)


def _place(remark: Remark) -> str:
    """Say where something is, as an editor opens it: ``skills/a/SKILL.md:3``."""
    if remark.file is None:
        return "–"
    line = "" if remark.line is None else f":{remark.line}"
    return _code(_clipped(remark.file, _NAME_MAX, end=True) + line)


def _changes(results: tuple[PublishResult, ...]) -> list[str]:
    changed = [each for each in results if each.status not in QUIET or each.updated]
    rows = [
        _row(
            _code(result.slug or result.path),
            "new" if result.version == 1 else str(result.version or "–"),
            _SAID.get(result.status, result.status),
            "–" if result.size_bytes is None else size(result.size_bytes).shown,
            _difference(result),
        )
        for result in changed
        if result.status not in BAD
    ]
    columns = ("skill", "version", "is", "size", "files")
    is_dry = any(result.status == "would-publish" for result in results)
    title = "What would be published" if is_dry else "New and changed"
    return _table(title, columns, rows, _CHANGES_MAX)


def _difference(result: PublishResult) -> str:
    """Say how many files are otherwise, and the first of them by name."""
    said = []
    for kind in _CHANGES:
        paths = [change.path for change in result.changes if change.change == kind]
        names = [_code(_clipped(path, _NAME_MAX, end=True)) for path in paths[:_FILES_NAMED]]
        more = ["…"] if len(paths) > _FILES_NAMED else []
        if paths:
            said.append(f"{len(paths):,} {kind}: {' '.join(names + more)}")
    if result.version == 1:
        said.append(counted(len(result.files), "file").shown)
    if result.updated:
        said.append(f"{_text(' and '.join(result.updated))} updated")
    return "<br>".join(said) or "–"


def _warnings(answer: PublishAnswer | CheckAnswer) -> list[str]:
    """Fold them away; those about files of skills that stay as they were are counted alone."""
    quiet = {result.path for result in answer.results if result.status == "unchanged"}
    told = [
        finding
        for finding in answer.warnings
        if finding.path is None or finding.source not in quiet
    ]
    rest = len(answer.warnings) - len(told)
    if not answer.warnings:
        return []
    title = counted(len(answer.warnings), "warning").shown
    if rest:
        title += f", {rest:,} of them about unchanged skills"
    rows = [_row(*_warning(finding)) for finding in told]
    table = _table("", ("where", "rule", "what"), rows, _WARNINGS_MAX)
    if not table:
        return [f"{title}."]
    return [f"<details><summary>{title}</summary>", *table, "</details>"]


def _warning(found: Finding) -> tuple[str, str, str]:
    remark = Remark("warning", found.rule, found.message, "", found.source, found.path, found.line)
    return _place(remark), _code(found.rule), _sentences(found.message)


# Tables.


def _table(
    title: str, columns: tuple[str, ...], rows: list[str], limits: tuple[int, int]
) -> list[str]:
    """Write the rows that fit, and say how many do not; nothing where there are none."""
    if not rows:
        return []
    rows_max, room = limits
    shown: list[str] = []
    for row in rows[:rows_max]:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        shown.append(row)
    head = [_row(*columns), _row(*("---" for _ in columns))]
    blocks = [f"#### {title}"] if title else []
    blocks.append("\n".join(head + shown))
    if len(shown) < len(rows):
        blocks.append(f"… and {len(rows) - len(shown):,} more, in the command's own output.")
    return blocks


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


# Strangers' text.


def _sentences(*texts: str) -> str:
    return "<br>".join(_text(_clipped(text, _SENTENCE_MAX)) for text in texts if text)


def _text(text: str) -> str:
    """Write prose: what is no plain word becomes code, neighbours together."""
    parts = []
    for plain, words in groupby(visible(text).split(), _is_plain):
        said = " ".join(words)
        parts.append(said if plain else _code(said))
    return " ".join(parts)


def _is_plain(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None and _COMMIT.fullmatch(word.lower()) is None


def _code(text: str) -> str:
    """Write a name; nothing in it has a meaning for whoever shows it."""
    inner = _PUNCTUATION.sub(lambda match: f"&#{ord(match[0])};", visible(text))
    return f"<code>{inner.replace('  ', ' &#160;') or '&#160;'}</code>"


def _clipped(text: str, most: int, *, end: bool = False) -> str:
    """Shorten what is too long as it is seen; of a path the end says more."""
    room = most + 1  # what is made visible only becomes longer
    text = visible(text[-room:] if end else text[:room])
    if len(text) <= most:
        return text
    return f"…{text[1 - most :]}" if end else f"{text[: most - 1]}…"
