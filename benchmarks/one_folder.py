"""P4: read, pack and hash a folder of 1,000 files, beside ``tar | sha256sum``.

python -m benchmarks.one_folder [--rounds 9]
"""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

from benchmarks.corpus import files_of, make_skill
from benchmarks.lab import Lab, script
from benchmarks.measuring import Cost, Goal, Result, RunFailed, run
from benchmarks.profiling import profile

FILES = 1000
ROUNDS = 9
PASSES = 5
OURS, CHECK, TAR = "`read_skill` + `pack`", "`everyskill check`", "`tar \\| sha256sum`"
TEXT = (
    "Ours: walk the folder, read every file, check names, text and secrets, hash every file, pack"
    " all into one archive and hash that: in an interpreter that has started"
    f" (the median of {PASSES} passes), and as the whole process `everyskill check`. Peer: two"
    " whole processes that archive the files sorted and without times, and hash the archive once."
)
PASS = """
import json, pathlib, statistics, sys, time
from everyskill_cli.bundle import pack
from everyskill_cli.skill import read_skill

def spend():
    cpu, wall = time.process_time(), time.perf_counter()
    bundle = pack(read_skill(pathlib.Path(sys.argv[1])))
    return time.process_time() - cpu, time.perf_counter() - wall, len(bundle.files)

spend()
print(json.dumps([statistics.median(x) for x in zip(*(spend() for _ in range(int(sys.argv[2]))))]))
"""


def measure(lab: Lab) -> list[Result]:
    """Measure one folder again and again; its files are in the system's cache."""
    result = Result("P4", "read, pack and hash a folder of 1,000 files", TEXT)
    folder = lab.new_folder() / "many-files"
    make_skill(folder, lab.scaled(FILES) - 1, random.Random(4))
    files = files_of(folder)
    result.inputs = f"{len(files):,} files, {sum(map(len, files.values())) / 1e6:.1f} MB"
    result.checked = "both sides count the same files"
    for number in range(lab.rounds(ROUNDS) + 1):
        found = {
            OURS: _passes(lab, folder, len(files)),
            TAR: _tar(lab, folder, len(files)),
            CHECK: run([str(lab.program), "check", str(folder)], lab.environment())[0],
        }
        if number:  # the first round warms the caches
            for side, cost in found.items():
                result.add(side, cost)
    result.compare(OURS, TAR, Goal(cpu=1.7))
    result.compare(CHECK, TAR)
    if result.missed:
        result.profile = profile(lab, ["check", str(folder)], {})
    return [result]


def _passes(lab: Lab, folder: Path, files: int) -> Cost:
    command = [str(lab.python), "-c", PASS, str(folder), str(PASSES)]
    cpu, wall, packed = json.loads(run(command, lab.environment())[1])
    if packed != files:
        raise RunFailed(f"{packed} of {files} files were packed.")
    return Cost(cpu, wall)


def _tar(lab: Lab, folder: Path, files: int) -> Cost:
    options = "--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner"
    tar = f"tar {options} -cf - -C {shlex.quote(str(folder))} ."
    cost, _ = run(["/bin/sh", "-c", f"{tar} | sha256sum"], lab.environment())
    _, listed = run(["/bin/sh", "-c", f"{tar} | tar -tf -"], lab.environment())
    packed = sum(not line.endswith(b"/") for line in listed.splitlines())
    if packed != files:
        raise RunFailed(f"{packed} of {files} files are in the archive of tar.")
    return cost


if __name__ == "__main__":
    script(measure, __doc__)
