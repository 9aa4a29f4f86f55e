"""P3: publish one new skill to S3, beside ``aws s3 cp`` of the same bytes.

python -m benchmarks.one_skill [--peers FOLDER] [--rounds 9]
"""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.corpus import make_skill
from benchmarks.evidence import check_object, object_of
from benchmarks.lab import Lab, Registry, script
from benchmarks.measuring import Cost, Goal, Result, run
from benchmarks.profiling import profile

ROUNDS = 9
OURS, AWS, S5CMD = "`publish`", "`aws s3 cp`", "`s5cmd cp`"
TEXT = (
    "Ours: read and check a folder of four files, pack it, store it with the no-overwrite"
    " condition, read it back, add a version in SQLite. Peers: upload the packed bytes, no"
    " read-back."
)


def measure(lab: Lab) -> list[Result]:
    """Publish a new skill in each round, then let the peers upload its object."""
    result = Result("P3", "publish one new skill to S3", TEXT)
    registry = lab.registry("SQLite")
    sizes = []
    for number in range(lab.rounds(ROUNDS) + 1):
        cost, data = _publish(lab, registry, number)
        found = {OURS: cost} | _copies(lab, data, number)
        if number:  # the first round claims the store
            sizes.append(len(data))
            for side, spent in found.items():
                result.add(side, spent)
    result.inputs = f"objects of {min(sizes):,} to {max(sizes):,} bytes"
    result.checked = "after each run, the object is read and compared with what the others stored"
    result.compare(OURS, AWS, Goal(cpu=1.2))
    result.compare(OURS, S5CMD)
    if result.missed:
        folder = _make(lab, ROUNDS + 1_000)
        result.profile = profile(lab, ["publish", str(folder)], registry.variables)
    return [result]


def _publish(lab: Lab, registry: Registry, number: int) -> tuple[Cost, bytes]:
    folder = _make(lab, number)
    command = [str(lab.program), "publish", str(folder)]
    cost, _ = run(command, lab.environment(registry.variables))
    return cost, object_of(lab, registry, folder.name)


def _make(lab: Lab, number: int) -> Path:
    folder = lab.new_folder() / f"skill-{number}"
    make_skill(folder, 3, random.Random(number))
    return folder


def _copies(lab: Lab, data: bytes, number: int) -> dict[str, Cost]:
    source = lab.new_folder() / "bundle"
    source.write_bytes(data)
    costs = {}
    for side, name, words in (
        (AWS, "aws", ["s3", "cp", "--only-show-errors"]),
        (S5CMD, "s5cmd", ["--log", "error", "cp"]),
    ):
        program = lab.peer(name)
        if program is not None:
            key = f"copies/{name}/{number}"
            place = f"s3://{lab.s3.bucket}/{key}"
            costs[side], _ = run([str(program), *words, str(source), place], lab.for_peers())
            check_object(lab, key, data)
    return costs


if __name__ == "__main__":
    script(measure, __doc__)
