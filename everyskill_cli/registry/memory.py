"""Whether a registry and its histories are those that this machine saw; and seeing them again.

The owner of a database can take the newest rows of a history away, or rewrite it and recompute its
hashes. Somebody who saw it before can tell: so every command that meets a history compares. What
goes wrong with the memory itself stops nobody, and is said where it hides something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from everyskill_cli.errors import EveryskillError, NotReady, Unavailable
from everyskill_cli.heads import Heads
from everyskill_cli.model import Damage, Finding

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.model.evidence import Entry
    from everyskill_cli.registry import Registry
    from everyskill_cli.registry.lookup import Found
    from everyskill_cli.settings import Settings

UNREADABLE: Final = "memory-unreadable"
UNWRITABLE: Final = "memory-unwritable"


def open_heads(settings: Settings) -> Heads:
    """Open what is remembered, for the place where the settings find a registry.

    A database's address alone can lead to two registries in turn, as through a tunnel; with the
    store's beside it, it hardly does.
    """
    from everyskill_cli.database.address import place_of

    parts = (place_of(settings.database_url), settings.store_url, settings.s3.endpoint or "")
    # Nobody reads where it was: a digest of it gives no address, and no secret in one, away.
    place = sha256(" ".join(parts).encode(errors="surrogateescape")).hexdigest()
    return Heads(settings.home, place)


def begin_anew(settings: Settings) -> tuple[Finding, ...]:
    """Forget which registry was here, because one was made here just now; say so, once."""
    heads = open_heads(settings)
    try:
        last = heads.last()
        heads.leave()
    except (NotReady, Unavailable):  # which the next one to compare says
        return ()
    if last is None:
        return ()
    message = f"A new registry was made, where this machine had seen another one, {last}, before."
    return (Finding("registry-new", message),)


def recall(
    registry: Registry, tx: Transaction, own: str | None, seen: Mapping[str, Entry]
) -> dict[str, Entry]:
    """Compare histories with what was seen of them; what is not the same is noticed.

    Args:
        registry: takes the notices.
        tx: a transaction in which the histories are read.
        own: the registry's id.
        seen: an entry that was just read of each, by slug.

    Returns:
        What is worth remembering of that: it is new, and follows from what was seen before.
    """
    if (other := another(registry, own or "")) is not None:
        hint = (
            " Find out why: everyskill verify"
            " (if it was put here on purpose: everyskill verify --forget)"
        )
        _notice(registry, Finding("registry-changed", other.message + hint))
    known = remembered(registry, own or "", seen)
    changed = {slug: entry for slug, entry in known.items() if entry != seen[slug]}
    wrong: set[str | None] = set()
    for damage in _lost(registry, tx, changed) if changed else ():
        wrong.add(damage.slug)
        hint = (
            f" Find out why: everyskill verify {damage.slug}"
            f" (after restoring a backup: everyskill verify {damage.slug} --forget)"
        )
        _notice(registry, Finding(damage.kind, damage.message + hint))
    return {
        slug: entry
        for slug, entry in seen.items()
        if slug not in wrong and (slug not in known or entry.seq > known[slug].seq)
    }


def another(registry: Registry, own: str) -> Damage | None:
    """Tell whether another registry was seen at this place before."""
    try:
        last = registry.heads.last()
    except (NotReady, Unavailable) as error:
        _notice_unreadable(registry, error)
        return None
    if not own or last in (None, own):
        return None
    message = (
        f"The registry here is {own}, and this machine has seen {last} here before:"
        " the id was changed, or another registry was put in its place."
    )
    return Damage(kind="registry", where="registry.id", message=message)


def remembered(registry: Registry, own: str, slugs: Iterable[str]) -> dict[str, Entry]:
    """Give what is remembered of some skills."""
    try:
        return registry.heads.known(own, slugs)
    except (NotReady, Unavailable) as error:
        _notice_unreadable(registry, error)
        return {}


def all_remembered(registry: Registry, own: str, size: int) -> Iterator[dict[str, Entry]]:
    """Yield all that is remembered of a registry, so many skills at a time."""
    pages = registry.heads.pages(own, size)
    while True:
        try:
            page = next(pages, None)
        except (NotReady, Unavailable) as error:
            _notice_unreadable(registry, error)
            return
        if page is None:
            return
        yield page


def _lost(registry: Registry, tx: Transaction, known: Mapping[str, Entry]) -> list[Damage]:
    """Find what is not in the histories any more; looked at twice, because they go on.

    Of another process's entry this machine may know before a transaction that began earlier sees
    it.
    """
    from everyskill_cli.registry.auditing.remembered import gone

    if not any(isinstance(each, Damage) for each in gone(tx, known, "this machine")):
        return []
    with registry.database.reading() as later:
        found = list(gone(later, known, "this machine"))
    return [each for each in found if isinstance(each, Damage)]


def remember(
    registry: Registry, own: str | None, seen: Mapping[str, Entry], *, strictly: bool = False
) -> None:
    """Remember entries that stand in the registry, and that it is here.

    Args:
        registry: takes the notice that it was not done; then it is not tried again.
        own: its id.
        seen: the entries.
        strictly: say so as well where nothing may be written here, as in many a container.
    """
    said = {finding.rule for finding in registry.notices}
    if not own or UNWRITABLE in said:
        return
    try:
        registry.heads.note(own, seen)
    except (NotReady, Unavailable) as error:
        if UNREADABLE not in said and (strictly or isinstance(error, Unavailable)):
            _notice(registry, Finding(UNWRITABLE, f"{error.message} {error.hint}"))


def forget(registry: Registry, own: str, slugs: Iterable[str]) -> None:
    """Forget some skills of which has been said what there is to say."""
    for slug in slugs:
        try:
            registry.heads.forget(own, [slug])
        except (NotReady, Unavailable):  # then it is told again
            return


def meet(registry: Registry, tx: Transaction, found: Found) -> None:
    """Compare the history of a skill that was found, and remember it."""
    if found.head is not None:
        seen = recall(registry, tx, found.registry_id, {found.skill.slug: found.head})
        remember(registry, found.registry_id, seen)


def _notice_unreadable(registry: Registry, error: EveryskillError) -> None:
    message = f"{error.message} So nothing was compared with it. {error.hint}"
    _notice(registry, Finding(UNREADABLE, message))


def _notice(registry: Registry, finding: Finding) -> None:
    """Notice something, once."""
    if finding not in registry.notices:
        registry.notices.append(finding)
