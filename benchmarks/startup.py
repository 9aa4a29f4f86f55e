"""P1 and P2: what a start costs, as ratios to ``python -c pass`` on the same machine.

Builds the wheel, installs it with runtime dependencies alone into an environment of its own, with
``.pyc`` files, makes a registry on SQLite and a folder there, and runs every command and
``python -c pass`` in turn. CPU is user + system of the whole process; medians of the ratios.

    python benchmarks/startup.py [--runs 21]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOALS = {"--help": 7.0, "--version": 7.0, "show": 25.0, "rate": 25.0, "publish unchanged": 25.0}


def main() -> None:
    """Print one line for each command: the ratio, its goal and the CPU time in ms."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=21, help="counted runs of each command")
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = install(folder)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": name,
            "LANG": "C.UTF-8",
            "EVERYSKILL_USER": "ann@example.org",
        }
        skill = ROOT / "examples" / "code-review"
        commands = {
            "pass": [str(program.with_name("python")), "-c", "pass"],
            "--help": [str(program), "--help"],
            "--version": [str(program), "--version"],
            "show": [str(program), "show", "code-review"],
            "rate": [str(program), "rate", "code-review", "5"],
            "publish unchanged": [str(program), "publish", str(skill)],
        }
        cpu(commands["publish unchanged"], environment)  # the version that the others read
        report(measure(commands, environment, runs))


def install(folder: Path) -> Path:
    """Build the wheel and install it; give the program."""
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(folder), str(ROOT)],
        **quiet,
    )
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], **quiet)
    [wheel] = folder.glob("everyskill-*.whl")
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "-q", "--compile", wheel]
    # A machine that is told to write no .pyc files would measure the compiler.
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(pip, env=own, **quiet)
    return folder / "venv" / "bin" / "everyskill"


def measure(
    commands: dict[str, list[str]], environment: dict[str, str], runs: int
) -> dict[str, list[float]]:
    """Run all in turn, A B C A B C …, after one warm-up; CPU seconds of each run."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            spent = cpu(command, environment)
            if number:
                seconds[name].append(spent)
    return seconds


def cpu(command: list[str], environment: dict[str, str]) -> float:
    """Run a command that must succeed; its user + system time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def report(seconds: dict[str, list[float]]) -> None:
    """Print the ratios, each run against the ``pass`` of its own turn."""
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    base = seconds.pop("pass")
    print(f"{'python -c pass':20} {statistics.median(base) * 1000:7.1f} ms CPU")
    for name, spent in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(spent, base, strict=True))
        verdict = "reached" if ratio <= GOALS[name] else "NOT reached"
        milliseconds = statistics.median(spent) * 1000
        spent_and_ratio = f"{milliseconds:7.1f} ms CPU  {ratio:5.1f} x"
        print(f"{name:20} {spent_and_ratio}  goal {GOALS[name]:4.0f} x  {verdict}")


if __name__ == "__main__":
    main()
