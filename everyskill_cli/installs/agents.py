"""Which agents there are, and in which folder each looks for skills: one table, one row an agent.

The folders are those of each agent's own documentation, read in November 2026:
https://code.claude.com/docs/en/skills, https://developers.openai.com/codex/skills,
https://cursor.com/docs/context/skills,
https://docs.github.com/en/copilot/concepts/agents/about-agent-skills,
https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/skills.md,
https://docs.windsurf.com/windsurf/cascade/skills, https://opencode.ai/docs/skills.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from everyskill_cli.model import Scope


class Agent(NamedTuple):
    """One agent, and where it looks for skills.

    Attributes:
        name: on the command line.
        title: for people.
        project: its folder of skills, from the project's root.
        user: its folder of skills, from the home folder.
        signs: what lies in a project where it is used, from the project's root.
        home_sign: what lies in the home folder of somebody who uses it.
        variable: a variable that moves a part of ``user``, and the part that it moves.
    """

    name: str
    title: str
    project: str
    user: str
    signs: tuple[str, ...]
    home_sign: str
    variable: tuple[str, str] | None = None


SHARED: Final = "agents"
AGENTS: Final = (
    Agent(
        "claude-code",
        "Claude Code",
        ".claude/skills",
        ".claude/skills",
        (".claude", "CLAUDE.md"),
        ".claude",
        ("CLAUDE_CONFIG_DIR", ".claude"),
    ),
    Agent("codex", "Codex", ".agents/skills", ".agents/skills", (".codex",), ".codex"),
    Agent("cursor", "Cursor", ".cursor/skills", ".cursor/skills", (".cursor",), ".cursor"),
    Agent(
        "github-copilot",
        "GitHub Copilot",
        ".github/skills",
        ".copilot/skills",
        (".github/skills", ".github/copilot-instructions.md"),  # .github is in every repository
        ".copilot",
    ),
    Agent(
        "gemini-cli",
        "Gemini CLI",
        ".gemini/skills",
        ".gemini/skills",
        (".gemini", "GEMINI.md"),
        ".gemini",
    ),
    Agent(
        "windsurf",
        "Windsurf",
        ".windsurf/skills",
        ".codeium/windsurf/skills",
        (".windsurf",),
        ".codeium/windsurf",
    ),
    Agent(
        "opencode",
        "OpenCode",
        ".opencode/skills",
        ".config/opencode/skills",
        (".opencode", "opencode.json"),
        ".config/opencode",
        ("XDG_CONFIG_HOME", ".config"),
    ),
    Agent(
        SHARED,
        "every agent that reads .agents/skills",
        ".agents/skills",
        ".agents/skills",
        (".agents",),
        ".agents",
    ),
)
BY_NAME: Final = {agent.name: agent for agent in AGENTS}


def folder_of(agent: Agent, scope: Scope, root: Path) -> Path:
    """Give an agent's folder of skills.

    Args:
        agent: whose.
        scope: of one project, or of everything that the user does.
        root: the project's root, or the home folder.
    """
    return root / agent.project if scope == "project" else _at_home(agent, agent.user, root)


def present(scope: Scope, root: Path, home: Path) -> tuple[Agent, ...]:
    """Find the agents that are used here, in the order of the table.

    In a project those that left a sign in it, and where none did, those of the user; codex and
    others that share a folder count once, by the first of them.
    """
    found: list[Agent] = []
    if scope == "project":
        found = [a for a in AGENTS if any((root / sign).exists() for sign in a.signs)]
    if not found:
        found = [a for a in AGENTS if _at_home(a, a.home_sign, home).exists()]
    return tuple({folder_of(a, scope, root): a for a in reversed(found)}.values())[::-1]


def readers(folder: Path, scope: Scope, root: Path) -> tuple[str, ...]:
    """Name the agents whose folder of skills this is."""
    return tuple(a.name for a in AGENTS if folder_of(a, scope, root) == folder)


def named(names: Iterable[str]) -> tuple[Agent, ...]:
    """Give agents by their names, each once."""
    return tuple(BY_NAME[name] for name in dict.fromkeys(names))


def _at_home(agent: Agent, path: str, home: Path) -> Path:
    if agent.variable is not None:
        name, part = agent.variable
        moved = os.environ.get(name)
        if moved and (path == part or path.startswith(f"{part}/")):
            folder = os.path.abspath(os.path.expanduser(moved))  # noqa: PTH100, PTH111 - Path refuses names without a home
            return Path(folder, path.removeprefix(part).removeprefix("/"))
    return home / path
