"""A skill as it lies on disk: the one way in."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from everyskill_cli.errors import EveryskillError, InvalidSkill
from everyskill_cli.model import Finding, JsonObject, is_slug
from everyskill_cli.skill.card import Card, make_card
from everyskill_cli.skill.content import ARCHIVE, MARKDOWN, SUFFIXES, Content, read_content
from everyskill_cli.skill.files import SkillFile, linked, read_file, special, unreadable
from everyskill_cli.skill.nearby import sibling_files
from everyskill_cli.skill.paths import as_text, check_name
from everyskill_cli.skill.secrets import check_secrets
from everyskill_cli.skill.specification import check_specification
from everyskill_cli.skill.tree import MAIN_FILE, read_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSkill:
    """A skill that was read whole and breaks no safety rule.

    Attributes:
        source: the path as it was given.
        content_type: of the bytes that will be stored: a bundle's or the one file's.
        files: sorted by path; exactly one where the content type is not a bundle's.
        metadata: ``frontmatter`` with every scalar a string, and ``declared_version`` if any.
        omitted: what was left out, folders with a slash at the end.
        warnings: where the specification is not met; ``strict`` refuses them.
        allowed_secrets: fingerprints of findings that are in the skill and were allowed.
        text: of SKILL.md or the one file, without a byte order mark.
    """

    source: str
    slug: str
    name: str
    description: str
    content_type: str
    files: tuple[SkillFile, ...]
    metadata: JsonObject
    omitted: tuple[str, ...]
    warnings: tuple[Finding, ...]
    allowed_secrets: tuple[str, ...]
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSkill:
    """What lies at a path: files that break no rule about files; nobody has looked into them yet.

    Attributes:
        source: the path as it was given.
        content_type: of the bytes that will be stored: a bundle's or the one file's.
        files: as the manifest will name them.
        main: the file that speaks for all, as it is called on the disk.
        title: the name where the main file gives none.
        folder: the name that the specification compares with; None where it does not.
        warnings: about what lies around it.
    """

    source: str
    content_type: str
    files: tuple[SkillFile, ...]
    main: SkillFile
    main_type: str
    title: str
    folder: str | None
    omitted: tuple[str, ...]
    warnings: tuple[Finding, ...]


def read_skill(
    path: Path,
    *,
    slug: str | None = None,
    strict: bool = False,
    allowed_secrets: frozenset[str] = frozenset(),
) -> LocalSkill:
    """Read a file or a folder as a skill.

    Args:
        path: a folder with SKILL.md, or a Markdown, text, JSON, YAML or TOML file.
        slug: as somebody chose it; None to make one from the name.
        strict: refuse what otherwise only warns.
        allowed_secrets: fingerprints of findings that may be published.

    Raises:
        InvalidSkill: a rule of docs/bundles.md is broken.
        Unavailable: the disk failed.
        ValueError: ``slug`` is none; callers check it first.
    """
    found = find_skill(path)
    return look_into(found, slug=slug, strict=strict, allowed_secrets=allowed_secrets)


def find_skill(path: Path) -> FoundSkill:
    """Read the files of a skill, and hold them to the rules about files; half of ``read_skill``."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _not_there(error, path) from error
    if stat.S_ISDIR(mode):
        return _find_folder(path)
    return _find_file(path, mode)


def describe(found: FoundSkill) -> tuple[Card, JsonObject]:
    """Read what a skill says of itself, and the metadata that a version of it would have.

    Nobody looks for secrets: this is for what stays on this machine.
    """
    content = read_content(found.main, found.main_type)
    card = make_card(content, path=found.main.path, title=found.title, slug=None)
    return card, _metadata(content, card)


def look_into(
    found: FoundSkill,
    *,
    slug: str | None = None,
    strict: bool = False,
    allowed_secrets: frozenset[str] = frozenset(),
) -> LocalSkill:
    """Read what the files of a skill say, and hold that to the rules; half of ``read_skill``."""
    if slug is not None and not is_slug(slug):
        raise ValueError(f"{slug!r} is not a slug")
    content = read_content(found.main, found.main_type)
    card = make_card(content, path=found.main.path, title=found.title, slug=slug)
    warnings = _warnings(found, content)
    refused = _strict_refusal(warnings) if strict and warnings else None
    try:
        allowed = check_secrets(_by_own_names(found), allowed_secrets)
    except InvalidSkill as error:
        error.parts += refused.parts if refused else ()
        raise
    if refused:
        raise refused
    return LocalSkill(
        source=found.source,
        slug=card.slug,
        name=card.name,
        description=card.description,
        content_type=found.content_type,
        files=found.files,
        metadata=_metadata(content, card),
        omitted=found.omitted,
        warnings=warnings,
        allowed_secrets=allowed,
        text=content.text,
    )


def _by_own_names(found: FoundSkill) -> tuple[SkillFile, ...]:
    """Give the files as they are called on the disk, for messages."""
    return found.files if len(found.files) > 1 else (found.main,)


def _not_there(error: OSError | ValueError, path: Path) -> EveryskillError:
    if _is_link(path):
        return linked(as_text(path))
    absent = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
    if isinstance(error, OSError) and error.errno not in absent:
        return unreadable(error, as_text(path))
    return InvalidSkill(f"{as_text(path)} does not exist.", "Check the path.", rule="missing-path")


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # it cannot be asked, and the caller says why
        return False


def _find_folder(path: Path) -> FoundSkill:
    tree = read_tree(str(path))
    title = _title(path)
    main = next(file for file in tree.files if file.path == MAIN_FILE)
    return FoundSkill(
        source=as_text(path),
        content_type=MARKDOWN if len(tree.files) == 1 else ARCHIVE,
        files=_as_stored(main, MARKDOWN) if len(tree.files) == 1 else tree.files,
        main=main,
        main_type=MARKDOWN,
        title=title,
        folder=title,
        omitted=tree.omitted,
        warnings=(),
    )


def _find_file(path: Path, mode: int) -> FoundSkill:
    name = as_text(path.name)
    if _is_link(path):
        raise linked(as_text(path))
    if not stat.S_ISREG(mode):
        raise special(as_text(path))
    main_type = SUFFIXES.get(path.suffix.lower())
    if main_type is None:
        raise InvalidSkill(
            f"{as_text(path)} is no Markdown, text, JSON, YAML or TOML file.",
            "Put it into a folder beside a SKILL.md and publish the folder.",
            rule="unsupported-type",
            path=name,
        )
    check_name(name, name)
    main = read_file(str(path), name, None)
    is_skill_md = name == MAIN_FILE
    title = _title(path.parent) if is_skill_md else as_text(path.stem)
    siblings = sibling_files(path) if is_skill_md else None
    return FoundSkill(
        source=as_text(path),
        content_type=main_type,
        files=_as_stored(main, main_type),
        main=main,
        main_type=main_type,
        title=title,
        folder=title if is_skill_md else None,
        omitted=(),
        warnings=() if siblings is None else (siblings,),
    )


def _as_stored(main: SkillFile, main_type: str) -> tuple[SkillFile, ...]:
    """Give a skill's only file as the manifest will name it.

    It is stored as its bytes, which have no place for an x bit; and a Markdown file is called
    SKILL.md, because agents find it under no other name.
    """
    path = MAIN_FILE if main_type == MARKDOWN else main.path
    return (replace(main, path=path, executable=False),)


def _metadata(content: Content, card: Card) -> JsonObject:
    metadata: JsonObject = {"frontmatter": content.frontmatter or {}}
    if card.declared_version is not None:
        metadata["declared_version"] = card.declared_version
    return metadata


def _warnings(found: FoundSkill, content: Content) -> tuple[Finding, ...]:
    if found.main_type != MARKDOWN:
        return found.warnings
    path = found.main.path
    return found.warnings + check_specification(content, path=path, folder=found.folder)


def _strict_refusal(warnings: tuple[Finding, ...]) -> InvalidSkill:
    first, *others = warnings
    alone = hint = "Correct it, or publish without --strict."
    if others:
        hint += f" {len(others)} more: " + " ".join(finding.message for finding in others)
    parts = tuple(
        InvalidSkill(found.message, alone, rule=found.rule, path=found.path, line=found.line)
        for found in warnings
    )
    return InvalidSkill(
        first.message, hint, rule=first.rule, path=first.path, line=first.line, parts=parts
    )


def _title(folder: Path) -> str:
    """Give a folder's name as typed: of ``.`` the real one, of a link the link's."""
    name = folder.name
    if name in ("", ".."):
        name = Path(os.path.abspath(folder)).name  # noqa: PTH100 - resolve follows links
    return as_text(name)
