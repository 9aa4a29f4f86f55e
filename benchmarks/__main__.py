"""Run the benchmarks and write ``RESULTS.md``.

    python -m benchmarks [P5 P6 …] [--peers FOLDER] [--rounds N]

Each section says when and on what it was measured; where only some are named, the others stay as
they are. At another scale than 1 the report is printed and not written.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    changed_tree,
    far_away,
    far_database,
    far_install,
    index_cost,
    new_tree,
    one_folder,
    one_skill,
    scale,
    startup,
)
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
    "P8": scale,
    "P9": scale,
    "P10": scale,
    "P11": scale,
    "P12": far_database,
    "P13": far_install,
    "P14": index_cost,
    "P15": scale,
}
ABOUT = """\
# Measured

Ratios inside one run: every side runs once in each round, in turn, on the same machine. A ratio is
the median of the rounds' own ratios, beside the least and the greatest of them. CPU is user +
system of the whole tree of processes, servers excluded; wall is the clock. Ours is the installed
wheel with `.pyc` files; every run has a fresh home. `python -m benchmarks` writes this file;
`python -m benchmarks P8` what belongs to P8.
"""


def main() -> None:
    """Run what was asked for; what has its full size is written down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = ", ".join(SCRIPTS)
    parser.add_argument("names", nargs="*", metavar="P", help=f"{names}; all without one")
    add_options(parser)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - SCRIPTS.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    commit = _commit()  # before the report itself is changed
    with Lab(arguments.peers, arguments.rounds, arguments.scale) as lab:
        for module in dict.fromkeys(SCRIPTS[name] for name in arguments.names or SCRIPTS):
            results = module.measure(lab)
            circumstances = _circumstances(lab, commit)
            sections = {result.name: result.markdown(circumstances) for result in results}
            print(*sections.values(), sep="\n", flush=True)
            if arguments.scale == 1.0:
                _write(sections)


def _write(sections: dict[str, str]) -> None:
    """Put sections into the report, each in the place of the one of its name."""
    written = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    found = re.split(r"^(?=## P\d+:)", written, flags=re.MULTILINE)[1:]
    known = {section[3:].partition(":")[0]: section for section in found} | sections
    kept = [known[name].strip() for name in SCRIPTS if name in known]
    RESULTS.write_text("\n\n".join([ABOUT.strip(), *kept]) + "\n", encoding="utf-8")
    print(f"{RESULTS} has {', '.join(sections)}.", file=sys.stderr)


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()


def _circumstances(lab: Lab, commit: str) -> str:
    """Say on what and with what it was measured."""
    machine = f"{os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.machine()}"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    peers = [f"; {name}: {version_of(path)}" for name, path in lab.peers().items()]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit or 'unknown'}, on {machine}, Python"
        f" {platform.python_version()}, load at the end {load}{''.join(peers)}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "an unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "an unknown processor"


if __name__ == "__main__":
    main()
