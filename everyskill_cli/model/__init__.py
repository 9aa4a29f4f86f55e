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
    from everyskill_cli.model.actions import (
        CheckAnswer,
        CheckResult,
        PublishAnswer,
        PublishResult,
        RateAnswer,
        RateResult,
    )
    from everyskill_cli.model.answers import (
        RatingEntry,
        RatingPage,
        ShowAnswer,
        SkillPage,
        SkillSummary,
        VersionPage,
        VersionSummary,
    )
    from everyskill_cli.model.bookkeeping import (
        RegistryRecord,
        Tombstone,
        UsageEvent,
        User,
        VersionState,
    )
    from everyskill_cli.model.comparing import DiffAnswer, DiffSide, FieldChange, FileDiff
    from everyskill_cli.model.records import (
        Condemned,
        Head,
        NewSkill,
        Rating,
        Skill,
        SkillVersion,
        VersionEvent,
    )
    from everyskill_cli.model.reports import (
        Check,
        ConfigAnswer,
        DoctorAnswer,
        SchemaChange,
        UpgradeAnswer,
    )
    from everyskill_cli.model.words import (
        CONTENT_MAX,
        HOURS_MAX,
        SLUG_MAX,
        SLUG_PATTERN,
        TAGS_MAX,
        TEXT_MAX,
        Access,
        CheckStatus,
        EventKind,
        FileChange,
        FileEntry,
        Finding,
        JsonObject,
        Opinion,
        Problem,
        PublishStatus,
        RateStatus,
        Reference,
        Setting,
        Sort,
        VersionStatus,
        is_slug,
    )

__all__ = [
    "CONTENT_MAX",
    "HOURS_MAX",
    "SLUG_MAX",
    "SLUG_PATTERN",
    "TAGS_MAX",
    "TEXT_MAX",
    "Access",
    "Check",
    "CheckAnswer",
    "CheckResult",
    "CheckStatus",
    "Condemned",
    "ConfigAnswer",
    "DiffAnswer",
    "DiffSide",
    "DoctorAnswer",
    "EventKind",
    "FieldChange",
    "FileChange",
    "FileDiff",
    "FileEntry",
    "Finding",
    "Head",
    "JsonObject",
    "NewSkill",
    "Opinion",
    "Problem",
    "PublishAnswer",
    "PublishResult",
    "PublishStatus",
    "RateAnswer",
    "RateResult",
    "RateStatus",
    "Rating",
    "RatingEntry",
    "RatingPage",
    "Reference",
    "RegistryRecord",
    "SchemaChange",
    "Setting",
    "ShowAnswer",
    "Skill",
    "SkillPage",
    "SkillSummary",
    "SkillVersion",
    "Sort",
    "Tombstone",
    "UpgradeAnswer",
    "UsageEvent",
    "User",
    "VersionEvent",
    "VersionPage",
    "VersionState",
    "VersionStatus",
    "VersionSummary",
    "is_slug",
]


_HOMES = {
    "words": (
        "CONTENT_MAX",
        "HOURS_MAX",
        "SLUG_MAX",
        "SLUG_PATTERN",
        "TAGS_MAX",
        "TEXT_MAX",
        "Access",
        "CheckStatus",
        "EventKind",
        "FileChange",
        "FileEntry",
        "Finding",
        "JsonObject",
        "Opinion",
        "Problem",
        "PublishStatus",
        "RateStatus",
        "Reference",
        "Setting",
        "Sort",
        "VersionStatus",
        "is_slug",
    ),
    "records": (
        "Condemned",
        "Head",
        "NewSkill",
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
        "RatingEntry",
        "RatingPage",
        "ShowAnswer",
        "SkillPage",
        "SkillSummary",
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
    ),
    "comparing": (
        "DiffAnswer",
        "DiffSide",
        "FieldChange",
        "FileDiff",
    ),
    "reports": (
        "Check",
        "ConfigAnswer",
        "DoctorAnswer",
        "SchemaChange",
        "UpgradeAnswer",
    ),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
