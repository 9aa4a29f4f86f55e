"""Check: the reading and the rules of a publish, and no registry at all.

Nothing but the skills themselves is looked at: no settings, no records, no store, no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from everyskill_cli.errors import EveryskillError, InvalidSkill
from everyskill_cli.model import CheckAnswer, CheckResult, CheckStatus, Problem
from everyskill_cli.registry.publishing.candidate import Candidate
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.reading import (
    Item,
    duplicated,
    duplicates,
    problem_of,
    read_batch,
)
from everyskill_cli.registry.watch import Watch
from everyskill_cli.skill.paths import as_text
from everyskill_cli.skill.tree import MAIN_FILE

NAMED_MAX: Final = 3  # other sources of a slug that one refusal names


def check(
    paths: Iterable[Path], options: PublishOptions, watch: Watch | None = None
) -> CheckAnswer:
    """Find out which skills a publish would take, and what is wrong with the others.

    Every skill is looked at, whatever is wrong with those before it.

    Raises:
        UsageError: what is excluded leaves nothing.
        InvalidSkill: an ignore file above the skills cannot be read.
        KeyboardInterrupt: somebody asked to stop.
    """
    batch = read_batch(paths, options, watch or Watch())
    for slug, items in duplicates(batch.items).items():
        for item in items:
            item.error = _duplicate(slug, item, items)
    results = tuple(_result(item) for item in batch.items)
    found = tuple(warning for item in batch.items for warning in item.warnings)
    return CheckAnswer(status=_worst(results), results=results, warnings=(*batch.warnings, *found))


def exit_code(answer: CheckAnswer) -> int:
    """Give the code that the command ends with: 3 where a skill is refused, 0 where none is.

    Where some could not be read and none is refused, it is that of the first of those.
    """
    codes = [result.error.code for result in answer.results if result.error is not None]
    return InvalidSkill.code if InvalidSkill.code in codes else next(iter(codes), 0)


def _duplicate(slug: str, item: Item, items: list[Item]) -> InvalidSkill:
    """Refuse one of several sources of a slug; only all of them show which one has to go."""
    others = [as_text(other.source) for other in items if other is not item]
    more = len(others) - NAMED_MAX
    named = " and ".join(others[:NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")
    return InvalidSkill(
        f"{slug} is also what {named} would be: one slug has one source.",
        duplicated({slug: items}).hint,
        rule="duplicate-slug",
        path=MAIN_FILE if item.source.is_dir() else as_text(item.source.name),
    )


def _result(item: Item) -> CheckResult:
    if item.candidate is None:
        return _unread(item)
    item.candidate.drop()
    return _read(item, item.candidate)


def _unread(item: Item) -> CheckResult:
    path = as_text(item.source)
    if item.error is None:
        raise ValueError(f"{path} was not looked at")
    error, *others = _problems(item.error)
    return CheckResult(path=path, status=_status(item.error), error=error, others=tuple(others))


def _read(item: Item, candidate: Candidate) -> CheckResult:
    local, bundle = candidate.local, candidate.bundle
    return CheckResult(
        path=local.source,
        slug=local.slug,
        status=_status(item.error),
        name=local.name,
        description=local.description,
        content_type=bundle.content_type,
        content_hash=bundle.content_hash,
        size_bytes=candidate.size,
        files=bundle.files,
        omitted=local.omitted,
        error=None if item.error is None else problem_of(item.error),
    )


def _status(error: EveryskillError | None) -> CheckStatus:
    if error is None:
        return "ok"
    return "refused" if isinstance(error, InvalidSkill) else "failed"


def _worst(results: Iterable[CheckResult]) -> CheckStatus:
    found = {result.status for result in results}
    return next((status for status in ("refused", "failed") if status in found), "ok")


def _problems(error: EveryskillError) -> tuple[Problem, ...]:
    """Say everything that an error says, one by one."""
    if isinstance(error, InvalidSkill) and error.parts:
        return tuple(problem_of(part) for part in error.parts)
    return (problem_of(error),)
