"""P13: install 100 skills from a lock, their store 40 ms away, beside ``aws s3 cp``.

python -m benchmarks.far_install [--peers FOLDER] [--rounds 3]
"""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.corpus import files_of, make_tree
from benchmarks.delay import DelayProxy
from benchmarks.evidence import object_of
from benchmarks.lab import Lab, Registry, script
from benchmarks.measuring import Cost, Goal, Result, RunFailed, run
from benchmarks.profiling import profile

SKILLS = 100
ROUNDS = 3
ROUND_TRIP = 0.040  # seconds
OURS = "`install`"
ONE_BY_ONE, AT_ONCE, S5CMD = "100 × `aws s3 cp`", "`aws s3 cp -r`", "`s5cmd cp`"
TEXT = (
    "All through one relay that adds 20 ms each way. Ours: one `install` of a lock in a clean"
    " checkout, with an empty cache: ask the registry (SQLite), fetch every object, verify it"
    " against its row and the lock, unpack it beside its folder, swap it in, fill the cache, record"
    " the uses. Peers: copy the same objects into a folder, whole commands, one for each object or"
    " one for all; nothing is verified, unpacked or written down."
)


def measure(lab: Lab) -> list[Result]:
    """Install into a new checkout in each round, and copy the same objects."""
    result = Result("P13", "100 skills from a lock at 40 ms of round trip", TEXT)
    skills = lab.scaled(SKILLS)
    tree = lab.new_folder() / "skills"
    make_tree(tree, skills, skills * 3)
    registry = lab.registry("SQLite")
    run([str(lab.program), "publish", str(tree)], lab.environment(registry.variables))
    lock = _lock(lab, registry, tree)
    objects = {name: object_of(lab, registry, name) for name in _skills(tree)}
    _put(lab, objects)
    size = sum(map(len, objects.values()))
    result.inputs = f"{skills} skills of {3 * skills} files, {size:,} bytes"
    result.checked = "the files are the published ones, the copies the objects' bytes"
    server = urlsplit(lab.s3.endpoint)
    with DelayProxy(str(server.hostname), int(server.port or 80), ROUND_TRIP) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}"
        far = registry.variables | {"R2_ENDPOINT": endpoint}
        for _ in range(lab.rounds(ROUNDS)):
            result.add(OURS, _install(lab, far, lock, tree))
            for side, cost in _copies(lab, objects, endpoint).items():
                result.add(side, cost)
    result.compare(OURS, ONE_BY_ONE, Goal(wall=0.2))
    for peer in (AT_ONCE, S5CMD):
        result.compare(OURS, peer)
    if result.missed:
        result.profile = profile(lab, ["install"], far)
    return [result]


def _lock(lab: Lab, registry: Registry, tree: Path) -> Path:
    """Install all skills once, by name, and give the lock that this leaves."""
    checkout = _checkout(lab)
    command = [str(lab.program), "install", *_skills(tree), "--agent", "claude-code"]
    run(command, lab.environment(registry.variables), checkout)
    return checkout / "everyskill.lock"


def _skills(tree: Path) -> list[str]:
    return sorted(path.parent.name for path in tree.glob("*/*/SKILL.md"))


def _checkout(lab: Lab) -> Path:
    folder = lab.new_folder()
    (folder / ".git").mkdir()
    return folder


def _install(lab: Lab, variables: dict[str, str], lock: Path, tree: Path) -> Cost:
    checkout = _checkout(lab)
    shutil.copy(lock, checkout)
    cost, _ = run([str(lab.program), "install"], lab.environment(variables), checkout)
    found = files_of(checkout / ".claude/skills")
    if found != {path.partition("/")[2]: data for path, data in files_of(tree).items()}:
        raise RunFailed("What is installed is not what was published.")
    return cost


def _put(lab: Lab, objects: dict[str, bytes]) -> None:
    """Store the objects under names that a peer can be told."""
    for name, data in objects.items():
        lab.s3.client.put_object(Bucket=lab.s3.bucket, Key=f"to-copy/{name}", Body=data)


def _copies(lab: Lab, objects: dict[str, bytes], endpoint: str) -> dict[str, Cost]:
    """Let each peer that is installed copy the objects, and check that it did."""
    place = f"s3://{lab.s3.bucket}/to-copy"
    one = 'for name; do "$PROGRAM" s3 cp --only-show-errors "$PLACE/$name" "$TARGET/$name"; done'
    costs = {}
    for side, name, command in (
        (ONE_BY_ONE, "aws", ["/bin/sh", "-ec", one, "sh", *objects]),
        (
            AT_ONCE,
            "aws",
            ["{program}", "s3", "cp", "--recursive", "--only-show-errors", place, "{target}"],
        ),
        (S5CMD, "s5cmd", ["{program}", "--log", "error", "cp", f"{place}/*", "{target}/"]),
    ):
        program, target = lab.peer(name), lab.new_folder()
        if program is None:
            continue
        words = [word.replace("{program}", str(program)) for word in command]
        words = [word.replace("{target}", str(target)) for word in words]
        own = {"PROGRAM": str(program), "PLACE": place, "TARGET": str(target)}
        costs[side], _ = run(words, lab.for_peers(endpoint) | own)
        if {path.name: path.read_bytes() for path in target.iterdir()} != objects:
            raise RunFailed(f"{side} did not copy the objects.")
    return costs


if __name__ == "__main__":
    script(measure, __doc__)
