"""Reading many skills: each becomes a candidate or the reason why it cannot, and none stops others.

All of them are read before anything is written, because two sources for one slug refuse the whole
command. Their bytes stay in memory up to a budget; those of the rest are read again when needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from everyskill_cli.errors import EveryskillError, InvalidSkill, UsageError
from everyskill_cli.model import Finding, Head, Problem
from everyskill_cli.registry.publishing.candidate import Candidate
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.watch import Watch
from everyskill_cli.skill import Discovery, discover
from everyskill_cli.skill.card import slugify
from everyskill_cli.skill.paths import as_text

NAMED_MAX: Final = 5  # slugs and sources that one error names
HELD_MAX: Final = 64 * 1024 * 1024  # bytes of bundles that wait in memory to be stored


@dataclass(slots=True)
class Item:
    """One skill on its way through a command: what was read of it, or what is wrong with it."""

    source: Path
    candidate: Candidate | None = None
    error: EveryskillError | None = None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What its reading found, each with where it was found."""
        if self.candidate is None:
            return ()
        local = self.candidate.local
        return tuple(replace(finding, source=local.source) for finding in local.warnings)


@dataclass(frozen=True, slots=True)
class Batch:
    """The skills of one command.

    Attributes:
        is_single: one skill was named by its own path, and its error is the command's.
        warnings: what was passed by on the way to the skills.
        heads: of slugs that were asked for; one without a head is not there.
        asked: those slugs.
    """

    items: tuple[Item, ...]
    is_single: bool
    warnings: tuple[Finding, ...]
    heads: Mapping[str, Head]
    asked: frozenset[str]


def read_batch(
    paths: Iterable[Path],
    options: PublishOptions,
    watch: Watch,
    ask: Callable[[list[str]], Mapping[str, Head]] | None = None,
) -> Batch:
    """Find and read skills.

    Args:
        paths: as they were typed.
        options: what the caller asked for.
        watch: hears how far it is.
        ask: gives the heads of slugs. Of many skills most are in the registry as they are, and
            their folders' names tell under which slug: those are not taken apart again.

    Raises:
        UsageError: an option that names one skill's slug or version, and many skills.
        KeyboardInterrupt: somebody asked to stop.
    """
    typed = tuple(paths)
    found = discover(typed, options.exclude)
    is_single = len(typed) == 1 and not found.is_tree
    if len(found.sources) > 1:
        _check_single_options(options)
    sources, passed = _without_installed(found, typed)
    items = tuple(Item(source) for source in sources)
    likely = [] if ask is None or len(items) == 1 else [slugify(i.source.name) for i in items]
    heads = ask(likely) if ask is not None and likely else {}
    held = 0
    for done, item in enumerate(items):
        watch.read(done, len(items))
        if watch.stopped:
            raise KeyboardInterrupt
        held += _read(item, options, heads, HELD_MAX - held)
        if item.error is not None and options.fail_fast:
            break
    watch.read(len(items), len(items))
    return Batch(items, is_single, (*found.warnings, *passed), heads, frozenset(likely))


def _without_installed(
    found: Discovery, typed: Iterable[Path]
) -> tuple[tuple[Path, ...], tuple[Finding, ...]]:
    """Pass by what is installed where trees are walked: those copies are nobody's sources.

    Raises:
        UsageError: there is nothing else.
    """
    if not found.is_tree:
        return found.sources, ()
    from everyskill_cli.installs.lock import installed_below  # 4 ms that only a tree needs

    targets = installed_below(typed)
    passed = [s for s in found.sources if os.path.realpath(s) in targets and s not in typed]
    sources = tuple(source for source in found.sources if source not in passed)
    if not sources:
        raise UsageError(
            "All that is here was installed here: these copies are passed by.",
            "Name the folder of the one that you mean, not a folder above it.",
        )
    notes = [
        Finding("installed-copy", f"{name} is installed here, and passed by.", source=name)
        for name in map(as_text, passed)
    ]
    return sources, tuple(notes)


def _check_single_options(options: PublishOptions) -> None:
    for name, value in (("--slug", options.slug), ("--expect", options.expect)):
        if value is not None:
            raise UsageError(f"{name} is about one skill, and there are many.", "Publish it alone.")


def _read(item: Item, options: PublishOptions, heads: Mapping[str, Head], room: int) -> int:
    """Read one skill, and give how many bytes of it stay in memory."""
    try:
        item.candidate = Candidate.read(item.source, options, heads)
    except EveryskillError as error:
        item.error = error
        return 0
    if item.candidate.held > room:
        item.candidate.drop()
    return item.candidate.held


def duplicates(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Find the slugs that more than one source claims, with those sources."""
    by_slug: dict[str, list[Item]] = {}
    for item in items:
        if item.candidate is not None:
            by_slug.setdefault(item.candidate.slug, []).append(item)
    return {slug: sources for slug, sources in by_slug.items() if len(sources) > 1}


def duplicated(found: Mapping[str, Iterable[Item]]) -> InvalidSkill:
    """Say that several sources claim one slug, and which others are claimed so."""
    said = [
        f"{' and '.join(as_text(item.source) for item in islice(items, NAMED_MAX))} are both {slug}"
        for slug, items in islice(found.items(), NAMED_MAX)
    ]
    hint = "Rename one in its SKILL.md, or leave one out: --exclude PATTERN."
    if len(found) > 1:
        hint += f" Also: {'; '.join(said[1:])}{'; and more' if len(found) > NAMED_MAX else ''}."
    return InvalidSkill(f"{said[0]}: one slug has one source.", hint, rule="duplicate-slug")


def problem_of(error: EveryskillError) -> Problem:
    """Say of one skill what the error would have said of the command."""
    said = Problem(type=error.public_type, code=error.code, message=error.message, hint=error.hint)
    if isinstance(error, InvalidSkill):
        said = replace(said, rule=error.rule, path=error.path, line=error.line)
    return said
