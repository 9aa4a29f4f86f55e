"""The only printer: an answer as text for people, lines for a pipe, or JSON for programs.

A terminal gets tables, bars and colours from rich; a pipe gets plain lines, without the time
that rich takes to load. Nothing reaches either unfiltered (``safety``). Nothing heavy is imported
before there is something to print.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal, TextIO, TypeAlias

from everyskill_cli.cli.render import streams
from everyskill_cli.cli.render.safety import visible
from everyskill_cli.errors import EveryskillError, Unavailable, UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from everyskill_cli.cli.render.blocks import Block
    from everyskill_cli.cli.render.watcher import Watcher
    from everyskill_cli.model import (
        CheckAnswer,
        ConfigAnswer,
        DeletionAnswer,
        DiffAnswer,
        DoctorAnswer,
        GcAnswer,
        GrantsAnswer,
        InstallAnswer,
        InstalledPage,
        JsonObject,
        OutdatedPage,
        PublishAnswer,
        PurgeAnswer,
        RateAnswer,
        RatingPage,
        ReleaseAnswer,
        SearchPage,
        ShowAnswer,
        SkillPage,
        SkillStatsAnswer,
        StatsAnswer,
        UpgradeAnswer,
        UsageImportAnswer,
        UseAnswer,
        VerifyAnswer,
        VersionPage,
    )

    Answer: TypeAlias = (
        PublishAnswer
        | CheckAnswer
        | RateAnswer
        | ReleaseAnswer
        | UseAnswer
        | ShowAnswer
        | SkillPage
        | SearchPage
        | VersionPage
        | DiffAnswer
        | RatingPage
        | InstallAnswer
        | InstalledPage
        | OutdatedPage
        | GcAnswer
        | PurgeAnswer
        | DeletionAnswer
        | DoctorAnswer
        | ConfigAnswer
        | UpgradeAnswer
        | VerifyAnswer
        | GrantsAnswer
        | StatsAnswer
        | SkillStatsAnswer
        | UsageImportAnswer
    )

Form: TypeAlias = Literal["text", "json", "github", "sarif", "csv"]
Asked: TypeAlias = Literal["all", "some", "rest"]

__all__ = [
    "Asked",
    "Form",
    "answer",
    "failure",
    "line",
    "note",
    "progress",
    "question",
    "to_json",
    "usage_failure",
    "visible",
]

_COLOURS: Final = {"error": "1;31", "warning": "33", "hint": "36", "more": "2"}


def answer(
    value: Answer,
    *,
    as_json: bool,
    form: Form = "text",
    part: Literal["files", "content", "names", "stat", "patch"] | None = None,
    output: Path | None = None,
    summary: Path | None = None,
    asked: Asked = "all",
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> None:
    """Print an answer on stdout, and under text its warnings on stderr.

    Args:
        value: what a verb gave back.
        as_json: print the whole answer as one JSON document, whatever part is asked for.
        form: of a CheckAnswer, as annotations of GitHub Actions or as SARIF; of an answer of
            ``stats``, its rows as CSV.
        part: of a ShowAnswer only the list of files, or only its text. The text is rendered and
            filtered on a terminal; in a pipe it is data, byte for byte as it was published,
            unfiltered, even under FORCE_COLOR. Of a DiffAnswer only the paths, or the counts.
        output: write that text to this file instead of stdout, byte for byte.
        summary: add a report in Markdown to the end of this file as well.
        asked: of a page, what it is of: all, some that filters leave, or the rest behind a place.
        stdout: instead of the process's.
        stderr: instead of the process's.

    Raises:
        BrokenPipeError: the reader of stdout has gone.
        Unavailable: the file cannot be written.

    """
    out, err = stdout or sys.stdout, stderr or sys.stderr
    if output is not None:
        _save(value, output)
    if as_json:
        from everyskill_cli.cli.render.documents import document

        streams.write(out, document(to_json(value), only_ascii=not streams.is_unicode(out)))
    elif form in ("github", "sarif", "csv"):
        from everyskill_cli.cli.render.forms import text_of

        streams.write(out, text_of(value, form, out))
    elif part == "content":
        if output is None:
            _print_content(value, out)
    else:
        _print_blocks(_laid_out(value, part), out)
    if not as_json:
        _print_notes(value, err, asked)
    if summary is not None:  # at last: what was done is told even where this fails
        _add_summary(value, summary)


def progress(stderr: TextIO | None = None) -> AbstractContextManager[Watcher]:
    """Watch over a command with many skills: show how far it is, and hear Ctrl-C."""
    from everyskill_cli.cli.render.watcher import watching  # what it watches is slow to load

    return watching(stderr or sys.stderr)


def _laid_out(value: Answer, part: str | None) -> list[Block]:
    from datetime import UTC, datetime

    from everyskill_cli.cli.render import layouts

    return layouts.blocks_of(value, datetime.now(UTC), part)


def _print_blocks(blocks: list[Block], out: TextIO) -> None:
    if streams.is_for_people(out):
        from everyskill_cli.cli.render import screen

        streams.write(out, screen.text_of(blocks, out))
    else:
        from everyskill_cli.cli.render import pipe

        streams.write(out, pipe.text_of(blocks))


def _print_content(value: Answer, out: TextIO) -> None:
    if out.isatty():
        from everyskill_cli.cli.render import content

        streams.write(out, content.text_of(_shown(value), out))
    else:
        streams.write_data(out, _text(value))


def _save(value: Answer, output: Path) -> None:
    try:
        output.write_bytes(_text(value).encode())
    except OSError as error:
        raise Unavailable(
            f"{output} could not be written: {error.strerror}.",
            "Name another file: -o FILE.",
        ) from error


def _add_summary(value: Answer, path: Path) -> None:
    from everyskill_cli.cli.render.summary import markdown
    from everyskill_cli.model import CheckAnswer, PublishAnswer

    if not isinstance(value, PublishAnswer | CheckAnswer):
        raise TypeError(f"{type(value).__name__} has no summary")
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(markdown(value))
    except OSError as error:
        raise Unavailable(
            f"{path} could not be written: {error.strerror}.",
            "What the command did stands. Name another file: --summary FILE.",
        ) from error


def _shown(value: Answer) -> ShowAnswer:
    from everyskill_cli.model import ShowAnswer

    if not isinstance(value, ShowAnswer):
        raise TypeError(f"{type(value).__name__} has no parts")
    return value


def _text(value: Answer) -> str:
    text = _shown(value).text
    if text is None:
        raise ValueError("the text was not asked for")
    return text


def _print_notes(value: Answer, err: TextIO, asked: Asked) -> None:
    from everyskill_cli.cli.render import layouts

    for label, sentence in layouts.notes_of(value, asked):
        _print_labelled(err, label, sentence)


def failure(error: EveryskillError, *, as_json: bool, stderr: TextIO | None = None) -> None:
    """Print on stderr what went wrong and what to do: two lines, or one JSON object."""
    err = stderr or sys.stderr
    if as_json:
        from everyskill_cli.cli.render.documents import document, error_to_json

        streams.write(err, document(error_to_json(error), only_ascii=not streams.is_unicode(err)))
        return
    _print_labelled(err, "error", error.message)
    if error.hint:
        _print_labelled(err, "hint", error.hint)


def usage_failure(message: str, hint: str, *, as_json: bool, stderr: TextIO | None = None) -> None:
    """Print that the command line cannot be meant (exit code 2)."""
    failure(UsageError(message, hint), as_json=as_json, stderr=stderr)


def _print_labelled(err: TextIO, label: str, sentence: str) -> None:
    """Print one line, whole: a line to type is not broken. Too small for rich to be loaded."""
    shown = visible(sentence)
    if label:
        before, after = (
            (f"\x1b[{_COLOURS[label]}m", "\x1b[0m") if streams.may_colour(err) else ("", "")
        )
        shown = f"{before}{label}:{after} {shown}"
    streams.write(err, shown + "\n")


def note(text: str, *, stderr: TextIO | None = None) -> None:
    """Print text of the program's own on stderr; its line breaks stay."""
    streams.write(stderr or sys.stderr, visible(text, keep_newlines=True).rstrip("\n") + "\n")


def line(text: str, *, stdout: TextIO | None = None) -> None:
    """Print text of the program's own on stdout, such as its help; its line breaks stay."""
    streams.write(stdout or sys.stdout, visible(text, keep_newlines=True).rstrip("\n") + "\n")


def question(text: str) -> bool:
    """Ask somebody at a terminal, on stderr, and read the answer; only a yes is one."""
    sys.stdout.flush()
    streams.write(sys.stderr, f"{visible(text)} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def to_json(value: object) -> JsonObject:
    """Give an answer as the object that ``--json`` prints; times as they are stored."""
    from everyskill_cli.cli.render import documents

    return documents.to_json(value)
