"""P6: publish 2,000 new skill folders, beside ``aws s3 sync`` into an empty prefix.

python -m benchmarks.new_tree [--peers FOLDER] [--rounds 3]
"""

from __future__ import annotations

from benchmarks.corpus import files_of, make_tree
from benchmarks.lab import DATABASES, Lab, script
from benchmarks.measuring import Goal, Result
from benchmarks.profiling import profile
from benchmarks.trees import AWS, RCLONE, S5CMD, SYNC, copy, publish

SKILLS, FILES = 2000, 6500
ROUNDS = 3
GOAL = Goal(cpu=0.35, wall=0.30)
TEXT = (
    "Ours: one `publish` of the tree into an empty registry: read and check every file, one"
    " object for each skill, each read back and compared, one version"
    " for each skill in the database. Peers: upload every file into an empty prefix; they read"
    " nothing back."
)
CHECKED = (
    "after each run, ours: the database's versions, and every object read, hashed, unpacked and"
    " compared with its folder; peers: the list of the bucket, every file by its MD5"
)


def measure(lab: Lab) -> list[Result]:
    """Publish into a new registry in each round, and copy into a new prefix."""
    result = Result("P6", "publish 2,000 new folders", TEXT, checked=CHECKED)
    skills, files = lab.scaled(SKILLS), lab.scaled(FILES)
    tree = lab.new_folder() / "skills"
    make_tree(tree, skills, files)
    size = sum(map(len, files_of(tree).values())) / 1e6
    result.inputs = f"{skills:,} skills, {files:,} files, {size:.1f} MB"
    for number in range(lab.rounds(ROUNDS)):
        for side, cost in copy(lab, tree, f"new/{number}", SYNC).items():
            result.add(side, cost)
        for database in DATABASES:
            registry = lab.registry(database)
            cost = publish(lab, registry, tree, skills)
            result.add(f"{database} + S3", cost)
    for database in DATABASES:
        result.compare(f"{database} + S3", AWS, GOAL)
    for peer in (S5CMD, RCLONE):
        result.compare(f"{DATABASES[0]} + S3", peer)
    if result.missed:
        registry = lab.registry(DATABASES[0])
        result.profile = profile(lab, ["publish", str(tree)], registry.variables)
    return [result]


if __name__ == "__main__":
    script(measure, __doc__)
