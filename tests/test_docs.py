"""The README and docs/ say what the program does: commands, options, codes, variables, links."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from everyskill_cli import errors
from everyskill_cli.cli.main import INTERRUPTED, make_app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = sorted((ROOT / "everyskill_cli").rglob("*.py"))
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
FOREIGN_VARIABLES = ("AWS_", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")


@cache
def program() -> Any:
    return typer.main.get_command(make_app())


def commands() -> dict[str, Any]:
    """Every command by its name; one of a group by both words."""
    found: dict[str, Any] = {}
    for name, command in program().commands.items():
        inner = getattr(command, "commands", None)
        found |= (
            {f"{name} {word}": each for word, each in inner.items()} if inner else {name: command}
        )
    return found


@cache
def text() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def words_of(parameter: Any) -> list[str]:
    return [word for word in (*parameter.opts, *parameter.secondary_opts) if word.startswith("-")]


OPTIONS = [
    (name, word)
    for name, command in {"everyskill": program(), **commands()}.items()
    for parameter in command.params
    for word in words_of(parameter)
]


@pytest.mark.parametrize("name", commands())
def test_every_command_stands_there(name: str) -> None:
    assert re.search(rf"`everyskill {name}[ `]", text())


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_stands_there(command: str, option: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text())


def test_every_exit_code_stands_there() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.code for kind in classes if issubclass(kind, errors.EveryskillError)}
    said = {int(row) for row in re.findall(r"^\| (\d+) \|", PAGES[0].read_text(), re.M)}
    assert said == codes | {0, INTERRUPTED}


def constants(path: Path) -> Iterator[str]:
    """The texts in a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.value


def test_every_variable_stands_there_and_no_other() -> None:
    used = {
        variable
        for path in SOURCES
        for value in constants(path)
        for variable in re.findall(r"\b(?:EVERYSKILL|R2)_[A-Z0-9_]*[A-Z0-9]\b", value)
    }
    said = set(re.findall(r"\b(?:EVERYSKILL|R2)_[A-Z0-9_]*[A-Z0-9]\b", text()))
    assert {"EVERYSKILL_DATABASE_URL", "R2_BUCKET_NAME"} < used
    assert used - said == set()
    assert {name for name in said - used if not name.startswith("EVERYSKILL_TEST_")} == set()
    for name in FOREIGN_VARIABLES:
        assert name in text()


def test_every_setting_of_a_file_stands_there() -> None:
    from everyskill_cli.settings import SECRETS, VARIABLES

    for name in set(VARIABLES) - set(SECRETS):
        assert f"`{name}`" in text()


# Links.


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> list[tuple[Path, str]]:
    found = re.compile(r"\]\(([^)\s]+)\)")
    return [(page, link) for page in PAGES for link in found.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize(("page", "link"), links(), ids=str)
def test_every_link_leads_somewhere(page: Path, link: str) -> None:
    if re.match(r"[a-z]+:", link):
        assert link.startswith("https://")
        return
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    assert target.resolve().is_relative_to(ROOT)
    assert target.exists()
    assert not anchor or anchor in anchors(target)


# Command lines.


def command_lines() -> list[str]:
    """Every `everyskill …` in code blocks and code spans of the pages, without its program."""
    lines = []
    for page in PAGES:
        source = page.read_text(encoding="utf-8")
        blocks = [body for kind, body in CODE_BLOCK.findall(source) if kind in ("bash", "sh")]
        lines += [part for body in blocks for part in re.split(r"\n|&&|\||;", body)]
        spans = CODE_BLOCK.sub("", source)
        lines += re.findall(r"`([^`\n]+)`", spans)
    found = [re.match(r"\s*(?:\S*/)?everyskill (.*)", line) for line in lines]
    return sorted({match[1] for match in found if match})


def examples() -> list[str]:
    """The example in the help of each command."""
    return [
        line.removeprefix("everyskill ")
        for command in commands().values()
        for line in re.findall(r"Example: (everyskill .*)", command.help)
    ]


def check(command: Any, words: list[str]) -> list[str]:
    """Take the words that a command would take and give back what is left of them."""
    options = {word: parameter for parameter in command.params for word in words_of(parameter)}
    places = [parameter for parameter in command.params if not words_of(parameter)]
    room = len(words) if any(place.nargs < 0 for place in places) else len(places)
    while words:
        word, *words = words
        if not word.startswith("-") or word == "-":
            if room == 0:
                return [word, *words]
            room -= 1
            continue
        name, _, value = word.partition("=")
        if name != "--help":
            assert name in options, f"no such option: {name}"
            if not options[name].is_flag and not value:
                words = words[1:]
    return []


@pytest.mark.parametrize("line", [*command_lines(), *examples()])
def test_every_command_line_can_be_typed(line: str) -> None:
    words = shlex.split(re.sub(r"\[.*?\]", "", line), comments=True)
    rest = check(program(), words)
    if not rest:
        return
    name, *words = rest
    if name not in commands():
        name, words = f"{name} {words[0]}", words[1:]
    assert name in commands()
    assert check(commands()[name], words) == []


def test_there_are_command_lines() -> None:
    assert len(command_lines()) > 10
    assert len(examples()) == len(commands())


def test_the_program_tells_nobody_to_type_what_does_not_exist() -> None:
    told = {
        name
        for path in SOURCES
        for value in constants(path)
        for name in re.findall(r"(?:: |`|'|\(|^)everyskill ([a-z]+)\b", value)
    }
    assert {"upgrade", "doctor", "versions"} < told
    assert told - {name.split()[0] for name in commands()} == set()
