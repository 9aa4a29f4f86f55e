"""What a publish answers: one result for each skill, in the order in which they were found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.model import Finding, PublishAnswer, PublishResult, PublishStatus
from everyskill_cli.registry import Registry
from everyskill_cli.registry.publishing.candidate import Candidate
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.reading import Batch, Item, problem_of
from everyskill_cli.registry.publishing.writing import Outcome
from everyskill_cli.skill.paths import as_text

DONE: Final[dict[str | None, PublishStatus]] = {
    "publish": "published",
    "draft": "draft",
    "promote": "promoted",
    None: "unchanged",
}
# Of many results the answer has the status that a person should know of first.
RANKING: Final[tuple[PublishStatus, ...]] = (
    "failed",
    "refused",
    "skipped",
    "published",
    "draft",
    "promoted",
    "would-publish",
    "unchanged",
)


def answer_of(
    registry: Registry,
    batch: Batch,
    outcomes: Mapping[str, Outcome],
    options: PublishOptions,
    notes: tuple[Finding, ...],
) -> PublishAnswer:
    """Put together what a publish did.

    Args:
        registry: for where the objects are.
        batch: the skills; those with an error were refused or failed.
        outcomes: by slug; a skill that has neither was not begun.
        options: what was asked for.
        notes: about the command as a whole.
    """
    results = tuple(_result(registry, item, outcomes, options) for item in batch.items)
    found = [finding for item in batch.items for finding in _warnings(item, outcomes)]
    return PublishAnswer(
        status=min((result.status for result in results), key=RANKING.index),
        results=results,
        warnings=(*batch.warnings, *found, *_unkept(batch, outcomes, options), *notes),
    )


def _result(
    registry: Registry, item: Item, outcomes: Mapping[str, Outcome], options: PublishOptions
) -> PublishResult:
    candidate, error = item.candidate, item.error
    if error is not None:
        status: PublishStatus = "refused" if isinstance(error, InvalidSkill) else "failed"
        slug = None if candidate is None else candidate.slug
        return PublishResult(
            path=as_text(item.source), slug=slug, status=status, error=problem_of(error)
        )
    outcome = None if candidate is None else outcomes.get(candidate.slug)
    if candidate is None or outcome is None:
        slug = None if candidate is None else candidate.slug
        return PublishResult(path=as_text(item.source), slug=slug, status="skipped")
    status = DONE[outcome.decision.event]
    if options.dry_run and outcome.decision.event is not None:
        status = "would-publish"
    return _full_result(registry, candidate, outcome, status)


def _full_result(
    registry: Registry, candidate: Candidate, outcome: Outcome, status: PublishStatus
) -> PublishResult:
    local, bundle = candidate.local, candidate.bundle
    decision = outcome.decision  # of a racing publisher's version nobody knows the changes
    is_next = decision.event is not None and decision.version == candidate.changed_from + 1
    return PublishResult(
        path=local.source,
        slug=local.slug,
        status=status,
        version=outcome.decision.version,
        name=local.name,
        description=local.description,
        content_type=bundle.content_type,
        content_hash=bundle.content_hash,
        content_url=candidate.key,
        location=registry.store.location(candidate.key),
        size_bytes=candidate.size,
        files=bundle.files,
        omitted=local.omitted,
        changes=candidate.changes if is_next else (),
        updated=outcome.decision.updated,
        published_version=outcome.published_version,
        draft_version=outcome.draft_version,
        created_at=outcome.created_at,
    )


def _warnings(item: Item, outcomes: Mapping[str, Outcome]) -> Iterator[Finding]:
    yield from item.warnings
    if item.candidate is not None and item.candidate.slug in outcomes:
        for finding in outcomes[item.candidate.slug].decision.warnings:
            yield replace(finding, source=item.candidate.local.source)


def _unkept(
    batch: Batch, outcomes: Mapping[str, Outcome], options: PublishOptions
) -> Iterator[Finding]:
    """Say which wishes come to nothing where the one skill's bytes are there already.

    Of many skills most are unchanged at every push, and that is no news.
    """
    decisions = [outcome.decision for outcome in outcomes.values()]
    if not (batch.is_single and decisions) or decisions[0].event is not None:
        return
    if options.message is not None:
        yield Finding("message-not-kept", "Nothing is published, so the message is lost.")
    if options.draft and not decisions[0].warnings:
        what = f"Version {decisions[0].version} holds these bytes; no draft is made."
        yield Finding("no-draft", what)
