"""The examples: each can be published as it is, and what they contain works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from everyskill_cli.bundle import pack, unpack
from everyskill_cli.skill import read_skill

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
REVIEW = EXAMPLES / "code-review"
SCRIPT = REVIEW / "scripts" / "changed_functions.py"

# Path, slug, content type, declared version.
SKILLS = [
    ("commit-message", "commit-message", "text/markdown; charset=utf-8", None),
    ("code-review", "code-review", "application/zip", "1.2"),
    ("release-notes-agent.json", "release-notes-agent", "application/json", "1.0"),
]

OLD = """\
import os

LIMIT = 3


class Basket:
    def add(self, item):
        self.items.append(item)
        return item

    def drop(self, item):
        self.items.remove(item)


def untouched():
    return os.name
"""

NEW = """\
import os

LIMIT = 4


class Basket:
    def add(self, item):
        self.items.append(item)
        return len(self.items)

    def clear(self):
        self.items.clear()


def untouched():
    return os.name
"""

OTHER_LANGUAGE = """\
diff --git a/web/cart.js b/web/cart.js
--- a/web/cart.js
+++ b/web/cart.js
@@ -7 +7 @@ function total(cart) {
-  return 1
+  return 2
"""

ANSWER = """\
shop/basket.py: changed (top level) (+1 -1)
shop/basket.py: removed Basket.drop (+0 -2)
shop/basket.py:7-9: changed Basket.add (+1 -1)
shop/basket.py:11-12: new Basket.clear (+2 -0)
web/cart.js:7-7: near function total(cart) { (+1 -1)
"""


def unified(old: str, new: str, names: tuple[str, str], context: int = 3) -> str:
    lines = (text.splitlines(keepends=True) for text in (old, new))
    return "".join(unified_diff(*lines, *names, n=context))


GIT_NAMES = ("a/shop/basket.py", "b/shop/basket.py")
DIFF = unified(OLD, NEW, GIT_NAMES) + OTHER_LANGUAGE


def changed_functions(*options: str, diff: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script as an agent does, by its name: the x bit and the first line count."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPT, *options],
        input=diff,
        env=os.environ | {"PATH": path, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that ``DIFF`` leads to."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "basket.py").write_text(NEW, encoding="utf-8")
    return tmp_path


def test_every_example_is_tested_and_has_its_command_in_the_readme():
    found = {path.name for path in EXAMPLES.glob("[!.]*")}
    assert found - {"README.md"} == {path for path, *_ in SKILLS}
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"`everyskill publish examples/(\S+)`", readme)
    assert commands == [path for path, *_ in SKILLS]


@pytest.mark.parametrize(("path", "slug", "content_type", "version"), SKILLS)
def test_publishable_without_a_warning(path, slug, content_type, version):
    skill = read_skill(EXAMPLES / path, strict=True)
    assert (skill.slug, skill.content_type) == (slug, content_type)
    assert skill.metadata.get("declared_version") == version
    assert (skill.warnings, skill.allowed_secrets) == ((), ())
    assert 80 <= len(skill.description) <= 400
    bundle = pack(skill)
    assert unpack(bundle.data, bundle.content_type, bundle.files) == skill.files


def test_a_skill_of_one_file_is_the_same_by_file_and_by_folder():
    folder = EXAMPLES / "commit-message"
    by_folder, by_file = (
        pack(read_skill(path, strict=True)) for path in (folder, folder / "SKILL.md")
    )
    assert by_folder == by_file


def test_only_the_script_is_executable_on_disk_and_in_git():
    bundle = pack(read_skill(REVIEW))
    executable = [file.path for file in bundle.files if file.executable]
    assert executable == ["scripts/changed_functions.py"]
    if (ROOT / ".git").exists() and (git := shutil.which("git")):
        # The checkout may be somebody else's.
        command = [git, "-c", "safe.directory=*", "ls-files", "--stage", "--", "examples"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        in_git = [line.split("\t") for line in done.stdout.splitlines()]
        for mode, name in in_git:
            expected = "100755" if name == SCRIPT.relative_to(ROOT).as_posix() else "100644"
            assert mode.startswith(expected), name


def test_the_skill_names_every_file_it_has_and_no_other():
    skill = read_skill(REVIEW)
    assert skill.text is not None
    links = set(re.findall(r"\]\(([^)]+)\)", skill.text))
    code = set(re.findall(r"`((?:scripts|references|assets)/[^`]+)`", skill.text))
    assert links | code == {file.path for file in skill.files} - {"SKILL.md"}


def test_help():
    done = changed_functions("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: changed_functions.py")
    for status in ("new", "changed", "removed", "near", "deleted"):
        assert re.search(rf"(?m)^  (\w+, )?{status}\b", done.stdout), status


@pytest.mark.parametrize(
    "diff",
    [
        DIFF,
        DIFF.replace("\n \n", "\n\n"),  # as some mailers leave it
        unified(OLD, NEW, GIT_NAMES, context=0) + OTHER_LANGUAGE,
        unified(OLD, NEW, ("shop/basket.py", "shop/basket.py")) + OTHER_LANGUAGE,
        unified(OLD, NEW, ('"a/shop/b\\141sket.py"', '"b/shop/b\\141sket.py"')) + OTHER_LANGUAGE,
    ],
    ids=["git", "mailed", "no-context", "no-prefix", "quoted"],
)
def test_the_functions_of_a_diff(checkout, diff):
    done = changed_functions("--root", str(checkout), diff=diff)
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWER, "")


def test_a_function_that_the_diff_shows_only_as_its_neighbours_lines_has_changed(checkout):
    """The last line of g became the last of f: the diff has it as unchanged."""
    old = "def f():\n    a()\n\ndef g():\n    b()\n"
    new = "def f():\n    a()\n\n    b()\n"
    (checkout / "m.py").write_text(new, encoding="utf-8")
    diff = unified(old, new, ("a/m.py", "b/m.py"))
    assert diff.endswith("\n-def g():\n     b()\n")
    done = changed_functions("--root", str(checkout), diff=diff)
    assert done.stdout == "m.py: removed g (+0 -1)\nm.py:1-4: changed f (+0 -0)\n"


def test_a_new_and_a_deleted_file(checkout):
    added = unified("", NEW, ("/dev/null", "b/shop/basket.py"))
    deleted = unified(OLD, "", ("a/old.py", "/dev/null"))
    done = changed_functions("--root", str(checkout), diff=added + deleted)
    assert [line.split(" (")[0] for line in done.stdout.splitlines()] == [
        "shop/basket.py: changed",
        "shop/basket.py:6-12: new Basket",
        "shop/basket.py:7-9: new Basket.add",
        "shop/basket.py:11-12: new Basket.clear",
        "shop/basket.py:15-16: new untouched",
        "old.py: deleted",
    ]


def test_the_functions_as_json(checkout):
    file = checkout / "change.diff"
    file.write_text(DIFF, encoding="utf-8")
    done = changed_functions("--json", "--root", str(checkout), str(file))
    assert json.loads(done.stdout)[2] == {
        "path": "shop/basket.py",
        "first_line": 7,
        "last_line": 9,
        "status": "changed",
        "name": "Basket.add",
        "added": 1,
        "removed": 1,
    }


@pytest.mark.parametrize("text", [None, OLD, NEW.replace("4", "5"), NEW + "def ("])
def test_without_the_right_file_on_disk_headings_are_given(checkout, text):
    file = checkout / "shop" / "basket.py"
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")
    done = changed_functions("--root", str(checkout), diff=DIFF)
    assert done.returncode == 0
    assert done.stdout.startswith("shop/basket.py:3-12: near (no heading) (+4 -4)\n")
    assert done.stderr.startswith("note: shop/basket.py: ")


def test_a_diff_cannot_name_a_file_outside_or_write_to_the_terminal(checkout):
    (checkout / "secret.py").write_text("def secret():\n    return 1\n", encoding="utf-8")
    diff = "--- a/x.py\n+++ b/../secret.py\n@@ -1 +1 @@ \x1b[2J\n-def old():\n+def secret():\n"
    done = changed_functions("--root", str(checkout / "shop"), diff=diff)
    assert done.stdout == "../secret.py:1-1: near \\x1b[2J (+1 -1)\n"


@pytest.mark.parametrize(
    "diff",
    [
        "hello\n",
        DIFF[:200],
        "@@ -1 +1 @@\n-a\n+b\n",
        "@@@ -1 @@@\n",
        re.sub("(?m)^(.*)$", "\x1b[1m\\1\x1b[m", OTHER_LANGUAGE),
    ],
    ids=["prose", "cut-off", "nameless", "combined", "coloured"],
)
def test_what_is_no_diff_is_refused(diff):
    done = changed_functions(diff=diff)
    assert (done.returncode, done.stdout) == (2, "")
    assert "changed_functions.py: error: " in done.stderr


def test_nothing_changed_is_no_error():
    done = changed_functions()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def agent() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((EXAMPLES / "release-notes-agent.json").read_bytes())
    return config


def test_the_agent_uses_only_inputs_and_tools_that_it_declares():
    config = agent()
    instructions = "\n".join(config["instructions"])
    assert set(re.findall(r"\{(\w+)\}", instructions)) == {"audience"} | set(
        config["inputs"]["properties"]
    )
    tools = {tool["name"] for tool in config["tools"]}
    assert set(re.findall(r"\b(?:list|show|read)_\w+", instructions)) == tools


def test_the_schemas_of_the_agent_require_only_what_they_describe():
    config = agent()
    schemas = [config["inputs"], *(tool["parameters"] for tool in config["tools"])]
    for schema in schemas:
        assert schema["type"] == "object"
        assert set(schema["required"]) <= set(schema["properties"])
        assert all(each["type"] for each in schema["properties"].values())
