"""The words of the domain, as frozen dataclasses.

Records mirror the tables column by column; answers are what the commands print. Both are the
shapes of ``--json`` (docs/json.md), so a field is never renamed or removed; fields may be added.
Times are aware datetimes in UTC with milliseconds; sizes are bytes; digests are lower-case hex.

Each name is loaded when it is first used: ``--help`` needs a handful of them, and making all these
classes takes twice as long as starting Python.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everyskill_cli.model.actions import *
    from everyskill_cli.model.answers import *
    from everyskill_cli.model.bookkeeping import *
    from everyskill_cli.model.cleaning import *
    from everyskill_cli.model.comparing import *
    from everyskill_cli.model.counting import *
    from everyskill_cli.model.evidence import *
    from everyskill_cli.model.installs import *
    from everyskill_cli.model.records import *
    from everyskill_cli.model.reports import *
    from everyskill_cli.model.searching import *
    from everyskill_cli.model.verifying import *
    from everyskill_cli.model.words import *

_HOMES = {
    "words": (
        "BIRTHS",
        "CONTENT_MAX",
        "EXTERNAL_ID_MAX",
        "HOURS_MAX",
        "SLUG_MAX",
        "SLUG_PATTERN",
        "STALE_MARK",
        "TAGS_MAX",
        "TEXT_MAX",
        "Access",
        "CheckStatus",
        "EventKind",
        "FileChange",
        "FileEntry",
        "Finding",
        "InstallStatus",
        "InstalledState",
        "JsonObject",
        "Opinion",
        "Problem",
        "PublishStatus",
        "RateStatus",
        "Reference",
        "Role",
        "Scope",
        "ReleaseStatus",
        "Setting",
        "Sort",
        "VersionStatus",
        "hundredths",
        "is_slug",
    ),
    "records": (
        "Condemned",
        "Head",
        "NewSkill",
        "Pin",
        "Rating",
        "Skill",
        "SkillVersion",
        "VersionEvent",
    ),
    "bookkeeping": (
        "RegistryRecord",
        "Tombstone",
        "UsageEvent",
        "User",
        "VersionState",
    ),
    "answers": (
        "EventEntry",
        "GetAnswer",
        "RatingEntry",
        "RatingPage",
        "ShowAnswer",
        "SkillPage",
        "SkillSummary",
        "VersionChange",
        "VersionPage",
        "VersionSummary",
    ),
    "actions": (
        "CheckAnswer",
        "CheckResult",
        "PublishAnswer",
        "PublishResult",
        "RateAnswer",
        "RateResult",
        "ReleaseAnswer",
        "ReleaseResult",
        "UseAnswer",
        "UseResult",
    ),
    "installs": (
        "InstallAnswer",
        "InstallResult",
        "InstalledPage",
        "InstalledSkill",
        "OutdatedPage",
    ),
    "evidence": (
        "Entry",
        "StoredEvent",
        "StoredObject",
        "StoredSkill",
        "StoredState",
        "StoredVersion",
        "Tally",
    ),
    "verifying": (
        "Damage",
        "DamageKind",
        "Looked",
        "VerifyAnswer",
        "VerifyStatus",
    ),
    "cleaning": (
        "DeletionAnswer",
        "Garbage",
        "GcAnswer",
        "PurgeAnswer",
        "PurgeResult",
        "RemovedObject",
    ),
    "comparing": (
        "DiffAnswer",
        "DiffSide",
        "FieldChange",
        "FileDiff",
    ),
    "counting": (
        "Activity",
        "ImportedUses",
        "Period",
        "QuietSkill",
        "SkillFigures",
        "SkillStatsAnswer",
        "StatsAnswer",
        "Totals",
        "UnknownSkill",
        "UnreadLine",
        "UsageImportAnswer",
        "VersionFigures",
    ),
    "searching": (
        "Filters",
        "Mark",
        "SearchHit",
        "SearchPage",
    ),
    "reports": (
        "Check",
        "ConfigAnswer",
        "DoctorAnswer",
        "GrantsAnswer",
        "SchemaChange",
        "Statement",
        "UpgradeAnswer",
    ),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(name for names in _HOMES.values() for name in names)
