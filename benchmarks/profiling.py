"""Where a command's CPU goes, by package: for the report of a goal that is not reached."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.lab import Lab
from benchmarks.measuring import run

LEAST = 0.02  # of the whole; what is less is added up

# Runs inside of the installed program's interpreter. Work for threads is done at once instead, so
# that one profile sees everything; a built-in function's time is that of the code that calls it.
PROFILED = """
import cProfile, concurrent.futures, gc, json, pstats, re, sys, time

class Inline(concurrent.futures.Executor):
    def __init__(self, *_, **__):
        pass

    def submit(self, work, /, *arguments, **named):
        done = concurrent.futures.Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:  # the Future hands it on
            done.set_exception(error)
        return done

def place(function):
    path, _, name = function
    if "importlib" in path or name == "<module>":
        return "imports"
    for pattern in ("(everyskill_cli/\\w+)", "-packages/(\\w+)", "python3[.]\\d+/(\\w+)"):
        found = re.search(pattern, path)
        if found:
            return found[1].replace("/", ".")
    return "the rest of Python"

def command():
    from everyskill_cli.cli.main import main
    if main() != 0:
        raise RuntimeError("the command failed")

concurrent.futures.ThreadPoolExecutor = Inline
gc.disable()  # as everyskill_cli.__main__ does
report, sys.stdout = sys.stdout, open("/dev/null", "w")
profile = cProfile.Profile(time.process_time)
profile.runcall(command)
spent = {}
for function, (_, _, own, _, callers) in pstats.Stats(profile, stream=report).stats.items():
    shares = {place(function): own}
    if function[0] == "~" and callers:
        shares = {}
        for caller, (_, _, part, _) in callers.items():
            shares[place(caller)] = shares.get(place(caller), 0) + part
    for where, seconds in shares.items():
        spent[where] = spent.get(where, 0) + seconds
json.dump(spent, report)
"""


def profile(lab: Lab, words: Sequence[str], variables: dict[str, str]) -> str:
    """Run a command of everyskill under the profiler, and give a table in Markdown.

    The profiler makes Python code slower than compiled code, so shares are a hint and not a
    measurement; threads are replaced by the main one.
    """
    command = [str(lab.python), "-c", PROFILED, *words]
    spent: dict[str, float] = json.loads(run(command, lab.environment(variables))[1])
    whole = sum(spent.values())
    rows = sorted(spent.items(), key=lambda row: row[1], reverse=True)
    large = [(where, seconds) for where, seconds in rows if seconds >= LEAST * whole]
    rest = whole - sum(seconds for _, seconds in large)
    lines = [f"| {where} | {seconds / whole:.0%} |" for where, seconds in [*large, ("less", rest)]]
    head = "What holds it back: shares of our CPU, by the profiler, on one thread.\n"
    return "\n".join([head, "| where | share |", "| --- | ---: |", *lines]) + "\n"
