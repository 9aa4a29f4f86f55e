"""P1 and P2: what the start of a command costs, in units of ``python -c pass``.

python -m benchmarks.startup [--peers FOLDER] [--rounds 21]
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.lab import ROOT, Lab, script
from benchmarks.measuring import Goal, Result, run
from benchmarks.profiling import profile

ROUNDS = 21
PASS, AWS = "`python -c pass`", "`aws --version`"
STARTS = {"`--help`": ["--help"], "`--version`": ["--version"]}
COMMANDS = {
    "`show`": ["show", "code-review"],
    "`rate`": ["rate", "code-review", "5"],
    "`publish` unchanged": ["publish", str(ROOT / "examples" / "code-review")],
}


def measure(lab: Lab) -> list[Result]:
    """Measure every command on a registry in SQLite and a folder."""
    starts = Result(
        "P1",
        "a start that does nothing",
        "Ours: the whole command, from the installed wheel. Peer: the same interpreter, empty.",
        "one process a run",
    )
    commands = Result(
        "P2",
        "one small command",
        "Ours: the whole command on SQLite and a folder, with one skill in the registry. Peers: the"
        " same interpreter, empty; the AWS CLI saying its version.",
        "one skill of the examples",
    )
    sides = _sides(lab)
    environment = lab.environment({"EVERYSKILL_USER": "ann@example.org"})
    run(sides["`publish` unchanged"], environment)  # the version that the others read
    for number in range(lab.rounds(ROUNDS) + 1):
        for name, command in sides.items():
            cost, _ = run(command, environment)
            if number:  # the first round warms the caches
                starts.add(name, cost)
                commands.add(name, cost)
    for name in STARTS:
        starts.compare(name, PASS, Goal(cpu=7), metrics=["cpu"])
    for name in COMMANDS:
        commands.compare(name, PASS, Goal(cpu=25), metrics=["cpu"])
        commands.compare(name, AWS, Goal(cpu=0.85), metrics=["cpu"])
    if starts.missed:
        starts.profile = profile(lab, ["--version"], {})
    if commands.missed:
        commands.profile = profile(lab, COMMANDS["`publish` unchanged"], {})
    return [starts, commands]


def _sides(lab: Lab) -> dict[str, list[str | Path]]:
    sides: dict[str, list[str | Path]] = {
        name: [lab.program, *words] for name, words in (STARTS | COMMANDS).items()
    }
    sides[PASS] = [lab.python, "-c", "pass"]
    aws = lab.peer("aws")
    if aws is not None:
        sides[AWS] = [aws, "--version"]
    return sides


if __name__ == "__main__":
    script(measure, __doc__)
