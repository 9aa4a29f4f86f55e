"""Run the benchmarks and write ``RESULTS.md``.

    python -m benchmarks [P5 P6 …] [--peers FOLDER] [--rounds N]

Where only some are named, the report is printed and not written.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import changed_tree, far_away, far_install, new_tree, one_folder, one_skill, startup
from benchmarks.lab import ROOT, Lab, add_options, version_of

RESULTS = Path(__file__).with_name("RESULTS.md")
SCRIPTS = {
    "P1": startup,
    "P2": startup,
    "P3": one_skill,
    "P4": one_folder,
    "P5": changed_tree,
    "P6": new_tree,
    "P7": far_away,
    "P13": far_install,
}
ABOUT = """\
# Measured

Ratios inside one run: every side runs once in each round, in turn, on the same machine. A ratio is
the median of the rounds' own ratios, beside the least and the greatest of them. CPU is user +
system of the whole tree of processes, servers excluded; wall is the clock. Ours is the installed
wheel with `.pyc` files; every run has a fresh home. `python -m benchmarks` writes this file.
"""


def main() -> None:
    """Run what was asked for; a full run at full size is written down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="P", help="P1 to P7, P13; all without one")
    add_options(parser)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - SCRIPTS.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    with Lab(arguments.peers, arguments.rounds, arguments.scale) as lab:
        sections = []
        for module in dict.fromkeys(SCRIPTS[name] for name in arguments.names or SCRIPTS):
            for result in module.measure(lab):
                sections.append(result.markdown())
                print(sections[-1], flush=True)
        circumstances = _circumstances(lab)
    print(circumstances)
    if not arguments.names and arguments.scale == 1.0:
        RESULTS.write_text("\n".join([ABOUT, circumstances, *sections]), encoding="utf-8")
        print(f"{RESULTS} is written.", file=sys.stderr)


def _circumstances(lab: Lab) -> str:
    """Say on what and with what it was measured."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.machine()}"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    lines = [
        f"- Date: {datetime.now(UTC):%Y-%m-%d}, load at the end: {load}",
        f"- Machine: {machine}, Python {platform.python_version()}",
        f"- Ours: {version_of(lab.program)}, commit {commit or 'unknown'}",
        *(f"- Peer: {name}: {version_of(path)}" for name, path in lab.peers().items()),
    ]
    return "\n".join(lines) + "\n"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "an unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "an unknown processor"


if __name__ == "__main__":
    main()
