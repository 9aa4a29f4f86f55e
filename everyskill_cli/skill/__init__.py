"""A skill as it lies on disk: read it, or refuse it with the file and the rule it breaks.

The rules are in docs/bundles.md. Whoever has a ``LocalSkill`` needs no check of his own.
"""

from everyskill_cli.skill.discover import Discovery, discover
from everyskill_cli.skill.files import SkillFile
from everyskill_cli.skill.reader import (
    FoundSkill,
    LocalSkill,
    describe,
    find_skill,
    look_into,
    read_skill,
)

__all__ = [
    "Discovery",
    "FoundSkill",
    "LocalSkill",
    "SkillFile",
    "describe",
    "discover",
    "find_skill",
    "look_into",
    "read_skill",
]
