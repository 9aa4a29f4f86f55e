"""P5: publish a tree of 2,000 skills of which 20 have changed, beside ``aws s3 sync``.

python -m benchmarks.changed_tree [--peers FOLDER] [--rounds 5]
"""

from __future__ import annotations

from benchmarks.corpus import edit, make_tree
from benchmarks.lab import DATABASES, Lab, script
from benchmarks.measuring import Goal, Result
from benchmarks.profiling import profile
from benchmarks.trees import AWS, RCLONE, S5CMD, SYNC, copy, publish

SKILLS, FILES, CHANGED = 2000, 6500, 20
ROUNDS = 5
GOAL = Goal(cpu=0.45, wall=0.40)
TEXT = (
    "Ours: one `publish` of the tree: read, check, pack and hash every skill, ask the database for"
    " all of their latest versions, store, read back and add the 20 that differ. Peers: list the"
    " prefix, compare sizes and times, upload the 20 files that differ."
)
CHECKED = (
    "after each run, ours: 20 versions more in the database, and every object read, hashed,"
    " unpacked and compared with its folder; peers: the list of the bucket, every file by its MD5"
)


def measure(lab: Lab) -> list[Result]:
    """Bring the tree everywhere once; then edit it in each round and bring the rest."""
    result = Result("P5", "publish 2,000 skill folders, 20 changed", TEXT, checked=CHECKED)
    skills, files = lab.scaled(SKILLS), lab.scaled(FILES)
    changed = min(skills, CHANGED)
    tree = lab.new_folder() / "skills"
    make_tree(tree, skills, files)
    result.inputs = f"{skills:,} skills, {files:,} files, {changed} SKILL.md edited in each round"
    copy(lab, tree, "changed", SYNC)
    registries = [lab.registry(database) for database in DATABASES]
    for registry in registries:
        publish(lab, registry, tree, skills)
    for number in range(1, lab.rounds(ROUNDS) + 1):
        edit(tree, changed, number)
        for side, cost in copy(lab, tree, "changed", SYNC).items():
            result.add(side, cost)
        for registry in registries:
            cost = publish(lab, registry, tree, skills + number * changed)
            result.add(f"{registry.database} + S3", cost)
    for registry in registries:
        result.compare(f"{registry.database} + S3", AWS, GOAL)
    for peer in (S5CMD, RCLONE):
        result.compare(f"{DATABASES[0]} + S3", peer)
    if result.missed:
        edit(tree, changed, 0)
        result.profile = profile(lab, ["publish", str(tree)], registries[0].variables)
    return [result]


if __name__ == "__main__":
    script(measure, __doc__)
