"""Show one skill on one screen, and the text of one version."""

from __future__ import annotations

from everyskill_cli.database.queries import ratings, versions
from everyskill_cli.model import Reference, ShowAnswer, SkillVersion
from everyskill_cli.registry import Registry, trend
from everyskill_cli.registry.lookup import find_shown, find_version, number_to_show, purged
from everyskill_cli.registry.memory import meet

NEWEST_VERSIONS = 10
NEWEST_COMMENTS = 5


def show(registry: Registry, reference: Reference, *, content: bool = False) -> ShowAnswer:
    """Read what one screen shows: a bounded number of rows, whatever the registry's size.

    Args:
        registry: where.
        reference: which skill, and which of its versions is shown whole.
        content: also fetch, verify and read that version's text.

    Raises:
        NotFound: no such skill or version.
        IntegrityFailure: the stored bytes are not the ones that were published.
    """
    with registry.database.reading() as tx:
        found, version = find_shown(tx, reference)
        meet(registry, tx, found)
        if version is None:  # it is said why, once the history was looked at
            version = find_version(tx, found, number_to_show(tx, found, reference))
        newest = versions.summaries(tx, found.skill.id, found.pointers, limit=NEWEST_VERSIONS)
        listed = (each for each in newest if each.version == version.version)
        summary = next(listed, None) or versions.summary(tx, version, found.pointers)
        if content and summary.purged_at is not None:
            raise purged(tx, reference.slug, version)
        comments = ratings.page(tx, found.skill.id, limit=NEWEST_COMMENTS, comments_only=True)
    return ShowAnswer(
        skill=found.skill,
        author=found.author,
        published_version=found.published_version,
        draft_version=found.draft_version,
        version=version,
        summary=summary,
        location=registry.store.location(version.content_url),
        text=read_text(registry, version) if content else None,
        versions=tuple(newest),
        comments=tuple(comments),
        change=trend.headline(found.skill.slug, newest, found.published_version),
        warnings=tuple(registry.notices),
    )


def read_text(registry: Registry, version: SkillVersion) -> str:
    """Fetch a version's bytes, verify them against its row, and give the text of its main file."""
    from everyskill_cli.bundle import unpack  # not for the many that do not ask for the text
    from everyskill_cli.registry.fetching import fetch_object

    data = fetch_object(registry, version)
    files = {file.path: file for file in unpack(data, version.content_type, version.files)}
    main = files.get("SKILL.md") or next(iter(files.values()))
    return main.data.decode("utf-8")
