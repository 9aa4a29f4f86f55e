"""The house rules that a program can check: format, lint, types, who imports whom, start-up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = (
    *("sqlalchemy", "alembic", "boto3", "botocore", "rich", "yaml", "pathspec", "psycopg"),
    *("mcp", "mcp_types", "anyio", "pydantic"),
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "format", "--check", "--no-cache", "."),
        ("-m", "ruff", "check", "--no-cache", "."),
        ("-m", "mypy", "--no-incremental", "--cache-dir", "/dev/null"),
        ("-c", "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))"),
    ],
    ids=["format", "lint", "types", "imports"],
)
def test_check(command):
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["publish", "--help"]])
def test_help_loads_nothing_heavy(words):
    script = (
        "import sys; from everyskill_cli.cli.main import main; code = main(sys.argv[1:]);"
        f"print(code, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    assert run("-c", script, *words).stderr == "0 []\n"


def test_importing_every_module_does_nothing(tmp_path):
    """No file, no connection, no environment: importing the whole package leaves no trace."""
    script = (
        "import importlib, pkgutil, sys, everyskill_cli\n"
        "def refuse(event, args):\n"
        "    if event.startswith(('socket.', 'subprocess', 'os.mkdir', 'sqlite3.')):\n"
        "        raise SystemExit(event)\n"
        "sys.addaudithook(refuse)\n"
        "for module in pkgutil.walk_packages(everyskill_cli.__path__, 'everyskill_cli.'):\n"
        "    if '.migrations' not in module.name and not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print('imported')\n"
    )
    done = run("-c", script)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr


def test_no_drawer_for_everything():
    forbidden = {"utils", "helpers", "common", "core", "services", "manager", "misc"}
    found = [path for path in (ROOT / "everyskill_cli").rglob("*") if path.stem in forbidden]
    assert found == []


def test_modules_stay_small():
    """A smell alarm: a module past 300 lines has a second reason to change, or is named here."""
    one_page = {"database/tables.py", "settings.py"}  # the schema; one table of settings
    package = ROOT / "everyskill_cli"
    long = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    }
    assert long <= one_page


def test_a_rule_that_is_switched_off_says_why():
    silent = []
    for path in (*ROOT.glob("everyskill_cli/**/*.py"), *ROOT.glob("tests/**/*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for mark in ("# noqa", "# type: ignore"):
                _, found, rest = line.partition(mark)
                reason = re.sub(r"^(\[[\w, -]*\]|: [A-Z0-9, ]*)?", "", rest).strip(" -#")
                if found and path != Path(__file__) and not reason:
                    silent.append(f"{path.name}:{number}")
    assert silent == []
