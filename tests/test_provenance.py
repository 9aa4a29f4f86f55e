"""Where skills come from: what git and CI variables say, and what is never kept of it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from everyskill_cli.cli import render
from everyskill_cli.provenance import git as git_module
from everyskill_cli.provenance import provenance
from everyskill_cli.provenance.remote import address
from tests.commands import Commands
from tests.samples import realistic

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
A, B = "a" * 40, "b" * 40
GITHUB = "https://github.com/acme/skills"
WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.org"))
}


def git(folder: Path, *words: str | Path) -> str:
    command = ["git", "-C", folder, *words]
    done = subprocess.run(command, check=True, capture_output=True, env=os.environ | WHO)
    return os.fsdecode(done.stdout).strip()


def write(path: Path, text: str = "# Skill\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def repository(folder: Path, origin: str | None = GITHUB + ".git", skills: int = 2) -> Path:
    """A repository with the skills `skills/s0`, `skills/s1` … in one commit."""
    for number in range(skills):
        write(folder / "skills" / f"s{number}" / "SKILL.md", f"# {number}\n")
    git(folder, "init", "--quiet", "--initial-branch=main", ".")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "First")
    if origin is not None:
        git(folder, "remote", "add", "origin", origin)
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


def source(path: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    return provenance([path], environment)[0]


def modified(path: Path) -> bool | None:
    found = source(path)
    assert found is not None
    value: bool | None = found.get("modified")
    return value


def without_git(**variables: str) -> dict[str, str]:
    return os.environ | {"PATH": "/nowhere"} | variables


def on_github(workspace: Path, sha: str = A, **variables: str) -> dict[str, str]:
    return {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "acme/skills",
        "GITHUB_SHA": sha,
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_REF": "refs/heads/main",
    } | variables


def on_gitlab(folder: Path, sha: str = A, **variables: str) -> dict[str, str]:
    return {
        "CI_PROJECT_URL": "https://gitlab.com/acme/skills",
        "CI_COMMIT_SHA": sha,
        "CI_PROJECT_DIR": str(folder),
    } | variables


# git.


@needs_git
def test_git_says_repository_commit_and_path(tmp_path: Path) -> None:
    repository(tmp_path)
    write(tmp_path / "agent.json", "{}")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "Second")
    common = {"repository": GITHUB, "commit": head(tmp_path), "modified": False}
    paths = [tmp_path / "skills/s1", tmp_path, tmp_path / "agent.json", tmp_path / "skills/s0"]
    assert provenance(paths) == [
        common | {"path": path} for path in ("skills/s1", ".", "agent.json", "skills/s0")
    ]


def conflict(skill: Path) -> None:
    """Leave a merge that nobody has finished."""
    blob = git(skill, "hash-object", "-w", "SKILL.md")
    entries = "".join(f"100644 {blob} {stage}\tskills/s0/c.md\n" for stage in (1, 2, 3))
    command = ["git", "-C", skill.parent.parent, "update-index", "--index-info"]
    subprocess.run(command, input=entries.encode(), check=True)


CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": lambda skill: write(skill / "SKILL.md", "# Other\n"),
    "staged": lambda skill: git(write(skill / "new.md").parent, "add", "."),
    "taken-back": lambda skill: git(skill, "rm", "--quiet", "--cached", "SKILL.md"),
    "new": lambda skill: write(skill / "new.md"),
    "new-folder": lambda skill: write(skill / "deep" / "down" / "new.md"),
    "removed": lambda skill: (skill / "SKILL.md").unlink(),
    "executable": lambda skill: (skill / "SKILL.md").chmod(0o755),
    "intended": lambda skill: git(write(skill / "new.md").parent, "add", "-N", "."),
    "conflict": conflict,
}


@needs_git
@pytest.mark.parametrize("change", CHANGES)
def test_files_that_differ_from_the_commit_are_said(tmp_path: Path, change: str) -> None:
    skill = repository(tmp_path) / "skills" / "s0"
    CHANGES[change](skill)
    found = provenance([skill, tmp_path / "skills" / "s1", tmp_path])
    assert [each and each["modified"] for each in found] == [True, False, True]


@needs_git
@pytest.mark.parametrize("many", [False, True])
def test_a_skill_that_is_in_no_commit_is_modified(tmp_path: Path, many: bool) -> None:
    """Untracked itself, in an untracked folder, ignored, or in an ignored folder."""
    repository(tmp_path, skills=40)
    write(tmp_path / ".gitignore", "vendored/\nagent.json\n")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-m", "Ignore")
    strangers = [
        write(tmp_path / "skills" / "new" / "SKILL.md").parent,
        write(tmp_path / "other" / "deep" / "new" / "SKILL.md").parent,
        write(tmp_path / "vendored" / "stranger" / "SKILL.md").parent,
        write(tmp_path / "agent.json"),
    ]
    rest = [tmp_path / "skills" / f"s{n}" for n in range(40 if many else 1)]
    found = [each and each["modified"] for each in provenance([*strangers, *rest])]
    assert found == [True] * 4 + [False] * len(rest)


@needs_git
def test_what_git_ignores_below_a_skill_is_no_change(tmp_path: Path) -> None:
    skill = repository(tmp_path) / "skills" / "s0"
    write(tmp_path / ".gitignore", "__pycache__/\n")
    write(skill / "__pycache__" / "a.pyc")
    assert modified(skill) is False


@needs_git
def test_names_that_git_would_quote_or_match_are_taken_as_they_are(tmp_path: Path) -> None:
    names = ["ä ö", "a*", "[ab]", ":(top)x", '"q"', "-n", "tab\tin", "line\nbreak", "e\u0301"]
    for name in names:
        write(tmp_path / "skills" / name / "SKILL.md", name)
    repository(tmp_path, skills=2)
    write(tmp_path / "skills" / "a*" / "SKILL.md", "changed")
    found = provenance([tmp_path / "skills" / name for name in names])
    assert [each and each["modified"] for each in found] == [name == "a*" for name in names]
    paths = [each.get("path") for each in found if each]
    assert paths == [
        None if name.startswith(("tab", "line")) else f"skills/{name}" for name in names
    ]


@needs_git
def test_a_name_that_is_no_text_and_one_that_is_too_long_are_left_out(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 6)
    write(deep / "SKILL.md")
    odd = tmp_path / os.fsdecode(b"\xff")
    paths = [deep]
    try:
        write(odd / "SKILL.md")
        paths.append(odd)
    except OSError:
        assert os.uname().sysname == "Darwin"  # its file system takes text alone
    repository(tmp_path)
    for found in provenance(paths):
        assert found == {"repository": GITHUB, "commit": head(tmp_path), "modified": False}


@needs_git
def test_links_lead_to_where_the_files_are(tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner")
    outer = repository(tmp_path / "outer", "https://example.org/outer")
    (outer / "skills" / "link").symlink_to(inner / "skills" / "s1")
    (outer / "all").symlink_to(inner / "skills")
    (outer / "loop").symlink_to(outer / "loop")
    paths = [outer / "skills" / "link", outer / "all" / "s0", outer / "all" / ".." / "skills"]
    assert [each and (each["repository"], each["path"]) for each in provenance(paths)] == [
        (GITHUB, "skills/s1"),
        (GITHUB, "skills/s0"),
        (GITHUB, "skills"),
    ]
    assert provenance([outer / "loop", outer / "no" / "such", Path("a\0b")]) == [None] * 3


@needs_git
def test_submodules_and_worktrees_are_checkouts_of_their_own(tmp_path: Path) -> None:
    library = repository(tmp_path / "library", "https://example.org/library")
    main = repository(tmp_path / "main")
    allow = ("-c", "protocol.file.allow=always")
    git(main, *allow, "submodule", "--quiet", "add", library, "lib")
    git(main / "lib", "remote", "set-url", "origin", "https://example.org/library.git")
    git(main, "worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    write(tmp_path / "side" / "skills" / "s1" / "more.md")
    found = provenance([main / "lib" / "skills" / "s0", tmp_path / "side" / "skills" / "s1"])
    commit = head(library)
    assert found == [
        {
            "repository": "https://example.org/library",
            "commit": commit,
            "path": "skills/s0",
            "modified": False,
        },
        {"repository": GITHUB, "commit": head(main), "path": "skills/s1", "modified": True},
    ]


@needs_git
def test_a_repository_that_cannot_say_its_commit_is_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    write(tmp_path / "broken" / ".git", "gitdir: /nowhere\n")
    for name in ("empty", "bare.git", "broken", "plain"):
        assert source(write(tmp_path / name / "s" / "SKILL.md").parent) is None, name


@needs_git
def test_an_empty_git_folder_belongs_to_the_checkout_around_it(tmp_path: Path) -> None:
    skill = repository(tmp_path) / "skills" / "s0"
    (skill / ".git").mkdir()
    found = source(skill)
    assert found == {
        "repository": GITHUB,
        "commit": head(tmp_path),
        "path": "skills/s0",
        "modified": False,
    }


@needs_git
def test_without_a_remote_on_a_server_the_commit_and_the_path_are_left(tmp_path: Path) -> None:
    repository(tmp_path, origin=None)
    left = {"commit": head(tmp_path), "path": "skills/s0", "modified": False}
    assert source(tmp_path / "skills" / "s0") == left
    git(tmp_path, "remote", "add", "origin", "/home/ann/skills.git")
    assert source(tmp_path / "skills" / "s0") == left


@needs_git
def test_variables_of_a_hook_do_not_lead_to_another_repository(tmp_path: Path) -> None:
    repository(tmp_path / "one")
    two = repository(tmp_path / "two", "https://example.org/two")
    hook = {"GIT_DIR": str(tmp_path / "one/.git"), "GIT_WORK_TREE": str(tmp_path / "one")}
    hook |= {"GIT_INDEX_FILE": str(tmp_path / "one/.git/index"), "GIT_ICASE_PATHSPECS": "1"}
    found = source(two / "skills" / "s0", os.environ | hook)
    assert found is not None
    assert found["repository"] == "https://example.org/two"
    assert found["modified"] is False


@needs_git
def test_ceilings_of_git_are_ours(tmp_path: Path) -> None:
    repository(tmp_path)
    ceiling = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    assert source(tmp_path / "skills" / "s0", ceiling) is None


@needs_git
def test_three_runs_of_git_are_enough_for_two_thousand_skills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = tmp_path / "count"
    real = shutil.which("git")
    script = write(tmp_path / "bin" / "git", f'#!/bin/sh\necho >>"{count}"\nexec "{real}" "$@"\n')
    script.chmod(0o755)
    folder = repository(tmp_path / "repository", skills=2_000)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    paths = [folder / "skills" / f"s{number}" for number in range(2_000)]
    start = time.process_time()
    found = provenance(paths)
    assert time.process_time() - start < 0.5  # 0.04 where nothing else runs
    assert [each and each["path"] for each in found] == [f"skills/s{n}" for n in range(2_000)]
    assert len(count.read_text().splitlines()) == 3


# What a stranger's checkout may not do.


@needs_git
@pytest.mark.parametrize("attack", ["filter", "process", "fsmonitor", "hooks", "lfs", "odd-name"])
def test_no_program_that_a_checkout_names_is_run(tmp_path: Path, attack: str) -> None:
    skill = repository(tmp_path / "r") / "skills" / "s0"
    proof = tmp_path / "proof"
    program = write(tmp_path / "program", f"#!/bin/sh\necho run >>'{proof}'\ncat\n")
    program.chmod(0o755)
    name = {"lfs": "lfs", "odd-name": "a=b"}.get(attack, "evil")
    match attack:
        case "filter" | "lfs" | "odd-name":
            git(tmp_path / "r", "config", f"filter.{name}.clean", str(program))
        case "process":
            git(tmp_path / "r", "config", "filter.evil.process", str(program))
            git(tmp_path / "r", "config", "filter.evil.required", "true")
        case "fsmonitor":
            git(tmp_path / "r", "config", "core.fsmonitor", str(program))
        case "hooks":
            git(tmp_path / "r", "config", "core.hooksPath", str(tmp_path / "hooks"))
            shutil.copy(program, write(tmp_path / "hooks" / "post-index-change"))
    write(tmp_path / "r" / ".gitattributes", f"*.md filter={name}\n")
    os.utime(skill / "SKILL.md", (1, 1))  # git reads the file again
    expected = None if attack == "odd-name" else False
    assert modified(skill) is expected
    assert not proof.exists()
    if attack not in ("process", "hooks"):  # the test bites: git alone runs it
        subprocess.run(["git", "-C", tmp_path / "r", "status"], capture_output=True)
        assert proof.exists()


@needs_git
def test_a_filter_of_the_users_own_is_run(tmp_path: Path) -> None:
    """As git-lfs is: without it every file that it keeps would count as changed."""
    folder = repository(tmp_path)
    write(folder / ".gitattributes", "*.md filter=upper\n")
    git(folder, "config", "--global", "filter.upper.clean", "tr a-z A-Z")
    write(folder / "skills" / "s0" / "SKILL.md", "# lower\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "Filtered")
    os.utime(folder / "skills" / "s0" / "SKILL.md", (1, 1))
    assert modified(folder / "skills" / "s0") is False
    git(folder, "config", "--global", "--unset", "filter.upper.clean")
    git(folder, "config", "filter.upper.clean", "tr a-z A-Z")
    assert modified(folder / "skills" / "s0") is True


@needs_git
def test_nothing_is_written_into_the_checkout(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    os.utime(folder / "skills" / "s0" / "SKILL.md", (1, 1))
    before = (folder / ".git" / "index").read_bytes()
    assert modified(folder / "skills" / "s0") is False
    assert (folder / ".git" / "index").read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "exit 0",
        "printf '\\377\\376'",
        "echo hello; echo /",
        f"echo {A}",
        "kill -9 $$",
        "sleep 60",
    ],
)
def test_a_git_that_fails_lies_or_hangs_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(git_module, "SECONDS", 0.2)
    write(tmp_path / "bin" / "git", f"#!/bin/sh\n{script}\n").chmod(0o755)
    (tmp_path / ".git").mkdir()
    skill = write(tmp_path / "s" / "SKILL.md").parent
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert source(skill, os.environ | {"PATH": path}) is None


@needs_git
@pytest.mark.parametrize(
    ("word", "lost"),
    [("status", {"modified"}), ("config", {"repository", "modified"})],
)
@pytest.mark.parametrize("script", ["exit 2", "exec sleep 60"])
def test_what_one_question_does_not_answer_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, lost: set[str], script: str
) -> None:
    monkeypatch.setattr(git_module, "SECONDS", 0.5)
    monkeypatch.setattr(git_module, "STATUS_SECONDS", 0.5)
    skill = repository(tmp_path / "repository") / "skills" / "s0"
    whole = source(skill)
    assert whole is not None
    fake = f'case " $* " in *" {word} "*) {script};; esac\nexec "{shutil.which("git")}" "$@"\n'
    write(tmp_path / "bin" / "git", f"#!/bin/sh\n{fake}").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    found = source(skill, os.environ | {"PATH": path})
    assert found == {name: value for name, value in whole.items() if name not in lost}


def test_a_machine_without_git_is_no_error(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    skill = write(tmp_path / "s" / "SKILL.md").parent
    assert provenance([skill, tmp_path, Path("no/such")], without_git()) == [None] * 3
    assert provenance([], without_git()) == []


# The address.


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://github.com/acme/skills", GITHUB),
        ("https://github.com/acme/skills.git", GITHUB),
        ("https://github.com/acme/skills.git/", GITHUB),
        ("HTTPS://GitHub.com/acme/skills", GITHUB),
        ("https://github.com/acme/skills/.git", GITHUB),
        ("https://github.com/acme/Skills.git.git", "https://github.com/acme/Skills"),
        ("https://user:secret@github.com/acme/skills.git", GITHUB),
        ("https://oauth2:secret@github.com/acme/skills", GITHUB),
        ("https://secret@github.com/acme/skills", GITHUB),
        ("https://:secret@github.com/acme/skills", GITHUB),
        ("https://a@b:secret@github.com/acme/skills", GITHUB),
        ("https://x:se%40cret@github.com/acme/skills", GITHUB),
        ("https://github.com/acme/skills?private_token=secret", GITHUB),
        ("https://github.com/acme/skills#secret", GITHUB),
        ("https://git.example.org:8443/a/b/c.git", "https://git.example.org:8443/a/b/c"),
        ("https://u:secret@[2001:db8::1]:8443/a.git", "https://[2001:db8::1]:8443/a"),
        ("ssh://git@github.com/acme/skills.git", "ssh://github.com/acme/skills"),
        ("ssh://git:secret@example.org:7999/a/b.git", "ssh://example.org:7999/a/b"),
        ("git@github.com:acme/skills.git", "ssh://github.com/acme/skills"),
        ("github.com:acme/skills", "ssh://github.com/acme/skills"),
        ("secret@git.example.org:/srv/git/a.git", "ssh://git.example.org/srv/git/a"),
        ("git@github.com:acme/skills?secret", "ssh://github.com/acme/skills"),
        ("git://example.org/a.git", "git://example.org/a"),
        ("https://git.example.org/~ann/ä", "https://git.example.org/~ann/ä"),
    ],
)
def test_an_address_names_the_repository_and_opens_nothing(url: str, kept: str) -> None:
    assert address(url) == kept
    assert address(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/home/ann/skills",
        "../skills",
        "skills.git",
        "./a:b",
        "file:///home/ann/skills",
        "C:/Users/ann/skills",
        "C:\\Users\\ann\\skills",
        "ext::sh -c evil",
        "ext::evil",
        "https://",
        "https:///a",
        "https://github.com",
        "https://github.com/",
        "https://github.com/.git",
        "https://user:pa/secret@github.com/acme/skills",
        "https://user:12/secret@github.com/acme/skills",
        "https://user:pa?secret@github.com/acme/skills",
        "user:secret@github.com:acme/skills",
        "https://github.com:port/a",
        "https://github.com:99999/a",
        "https://[github.com/a",
        "https://git hub.com/a",
        "https://github.com/a\nb",
        "https://github.com/a\x1b[2J",
        "https://github.com/\u202ea",
        "https://github.com/\udcff",
        "https://a\\@b/c",
        "javascript://github.com/a",
        "https://github.com/" + "a" * 500,
    ],
)
def test_what_is_no_address_of_a_server_is_not_kept(url: str) -> None:
    assert address(url) is None


@needs_git
def test_no_secret_of_a_remote_is_kept_and_rewriting_is_not_followed(tmp_path: Path) -> None:
    repository(tmp_path, "https://oauth2:hunter2@github.com/acme/skills.git")
    git(tmp_path, "config", "--global", "url.https://x:hunter2@proxy.example/.insteadOf", "https:")
    git(tmp_path, "config", "url.https://hunter2.example/.insteadOf", "https://github.com/")
    found = source(tmp_path / "skills" / "s0")
    assert found is not None
    assert found["repository"] == GITHUB
    assert "hunter2" not in json.dumps(found)


# CI.


def test_a_job_says_what_git_cannot(tmp_path: Path) -> None:
    skill = write(tmp_path / "work" / "skills" / "a" / "SKILL.md").parent
    beside = write(tmp_path / "beside" / "SKILL.md").parent
    expected = {"commit": A, "path": "skills/a"}
    for job, url in (
        (on_github(tmp_path / "work"), GITHUB),
        (on_gitlab(tmp_path / "work"), "https://gitlab.com/acme/skills"),
    ):
        found = provenance([skill, beside, tmp_path / "work"], without_git(**job))
        assert found == [
            expected | {"repository": url},
            None,
            {"repository": url, "commit": A, "path": "."},
        ]


def test_a_workspace_is_no_part_of_what_the_runner_is_checked_out_in(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    skill = write(tmp_path / "_work" / "a" / "SKILL.md").parent
    found = source(skill, without_git(**on_github(tmp_path / "_work")))
    assert found == {"repository": GITHUB, "commit": A, "path": "a"}


def test_a_job_knows_nothing_of_another_repository_in_its_workspace(tmp_path: Path) -> None:
    """Without git only a checkout that is at the job's commit is the job's."""
    for name, text in (
        ("mine", A),
        ("branch", "ref: refs/heads/main"),
        ("other", B),
        ("odd", "ref: ../../../mine/.git/HEAD"),
    ):
        write(tmp_path / name / ".git" / "HEAD", text + "\n")
        write(tmp_path / name / "s" / "SKILL.md")
    write(tmp_path / "branch" / ".git" / "refs" / "heads" / "main", A + "\n")
    write(tmp_path / "empty" / ".git" / "nothing")
    write(tmp_path / "file" / ".git", "gitdir: elsewhere\n")
    names = ("mine", "branch", "other", "odd", "empty", "file")
    found = provenance(
        [tmp_path / name / "s" for name in names], without_git(**on_github(tmp_path))
    )
    label = {"repository": GITHUB, "commit": A, "path": "s"}
    assert found == [label, label, None, None, None, None]


@needs_git
def test_git_knows_better_than_the_job(tmp_path: Path) -> None:
    repository(tmp_path)
    other = repository(tmp_path / "other", "https://example.org/other", skills=1)
    job = os.environ | on_github(tmp_path, B, GITHUB_REPOSITORY="acme/elsewhere")
    found = provenance([tmp_path / "skills" / "s0", other / "skills" / "s0"], job)
    assert [each and (each["repository"], each["commit"]) for each in found] == [
        (GITHUB, head(tmp_path)),
        ("https://example.org/other", head(other)),
    ]


@needs_git
def test_the_job_names_the_repository_of_its_own_commit(tmp_path: Path) -> None:
    repository(tmp_path, origin=None)
    found = source(tmp_path / "skills" / "s0", os.environ | on_github(tmp_path, head(tmp_path)))
    assert found is not None
    assert found["repository"] == GITHUB


@needs_git
def test_a_checkout_that_git_refuses_is_the_jobs_where_it_is_at_its_commit(tmp_path: Path) -> None:
    repository(tmp_path)
    refused = os.environ | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "true"}
    skill = tmp_path / "skills" / "s0"
    assert source(skill, refused) is None
    job = on_github(tmp_path, head(tmp_path))
    assert source(skill, refused | job) == {
        "repository": GITHUB,
        "commit": head(tmp_path),
        "path": "skills/s0",
    }
    assert source(skill, refused | on_github(tmp_path, B)) is None


def pull_request(tmp_path: Path, workspace: Path, sha: str, event: Any) -> dict[str, str]:
    file = write(tmp_path / "event.json", json.dumps(event))
    return on_github(workspace, sha, GITHUB_REF="refs/pull/12/merge", GITHUB_EVENT_PATH=str(file))


@pytest.mark.parametrize(
    ("event", "commit"),
    [
        ({"pull_request": {"head": {"sha": B}}}, B),
        ({"pull_request": {"head": {"sha": "main"}}}, None),
        ({"pull_request": {"head": {"sha": 3}}}, None),
        ({"pull_request": None}, None),
        ([], None),
    ],
)
def test_a_pull_request_is_named_by_its_head(
    tmp_path: Path, event: Any, commit: str | None
) -> None:
    """Its checkout is a merge that GitHub throws away."""
    skill = write(tmp_path / "work" / "a" / "SKILL.md").parent
    job = pull_request(tmp_path, tmp_path / "work", A, event)
    expected = commit and {"repository": GITHUB, "commit": commit, "path": "a"}
    assert source(skill, without_git(**job)) == expected
    (tmp_path / "event.json").unlink()
    assert source(skill, without_git(**job)) is None


def test_a_merge_request_is_named_by_its_head(tmp_path: Path) -> None:
    skill = write(tmp_path / "a" / "SKILL.md").parent
    job = on_gitlab(tmp_path, A, CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=B)
    found = source(skill, without_git(**job))
    assert found is not None
    assert found["commit"] == B
    detached = source(skill, without_git(**job | {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": ""}))
    assert detached is not None
    assert detached["commit"] == A


@needs_git
def test_a_checkout_of_the_merge_says_nothing_of_what_it_did_not_compare(tmp_path: Path) -> None:
    folder = repository(tmp_path / "work")
    skill = folder / "skills" / "s0"
    event = {"pull_request": {"head": {"sha": B}}}
    job = os.environ | pull_request(tmp_path, folder, head(folder), event)
    expected = {"repository": GITHUB, "commit": B, "path": "skills/s0"}
    assert source(skill, job) == expected
    write(skill / "more.md")
    assert source(skill, job) == expected | {"modified": True}
    at_head = job | {"GITHUB_SHA": A}  # ref: ${{ github.event.pull_request.head.sha }}
    assert source(skill, at_head) == expected | {"commit": head(folder), "modified": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"GITHUB_SHA": "main"},
        {"GITHUB_SHA": A[:12]},
        {"GITHUB_SHA": A.upper()},
        {"GITHUB_SHA": ""},
        {"GITHUB_WORKSPACE": ""},
        {"GITHUB_WORKSPACE": "/nowhere"},
        {"GITHUB_REPOSITORY": ""},
    ],
)
def test_variables_that_make_no_sense_say_nothing(tmp_path: Path, wrong: dict[str, str]) -> None:
    skill = write(tmp_path / "a" / "SKILL.md").parent
    assert source(skill, without_git(**on_github(tmp_path) | wrong)) is None


def test_a_server_that_is_no_address_is_left_out(tmp_path: Path) -> None:
    skill = write(tmp_path / "a" / "SKILL.md").parent
    job = on_github(tmp_path, GITHUB_SERVER_URL="https://u:hunter2@ghe.example.org")
    found = source(skill, without_git(**job))
    assert found == {"repository": "https://ghe.example.org/acme/skills", "commit": A, "path": "a"}
    job = on_github(tmp_path, "c" * 64, GITHUB_SERVER_URL="file:///srv")
    assert source(skill, without_git(**job)) == {"commit": "c" * 64, "path": "a"}


# What becomes of it.


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


@needs_git
def test_a_version_keeps_it_and_show_says_it(cli: Commands, tmp_path: Path) -> None:
    folder = repository(tmp_path, "https://u:hunter2@github.com/acme/skills.git")
    skill = folder / "skills" / "s0"
    text = "---\nname: s0\ndescription: Use it in tests.\n---\nDo it.\n"
    write(skill / "SKILL.md", text)
    assert cli("publish", skill).code == 0
    commit = head(folder)
    shown = cli("show", "s0", "--json").json
    assert shown["version"]["metadata"]["source"] == {
        "repository": GITHUB,
        "commit": commit,
        "path": "skills/s0",
        "modified": True,
    }
    line = f"{GITHUB}@{{}} skills/s0 (modified)"
    assert f"source: {line.format(commit)}" in cli("show", "s0").stdout.splitlines()
    on_screen = cli("show", "s0", env={"FORCE_COLOR": "1", "COLUMNS": "120"}).stdout
    assert line.format(commit[:10]) in re.sub("\x1b\\[[0-9;]*m", "", on_screen)
    git(folder, "commit", "-a", "-m", "Second")
    assert cli("publish", skill).stdout.startswith("unchanged")  # the same bytes: no version
    assert cli("show", "s0", "--json").json["version"]["metadata"]["source"]["commit"] == commit
    write(skill / "SKILL.md", text + "More.\n")
    git(folder, "commit", "-a", "-m", "Third")
    assert cli("publish", skill).code == 0
    assert cli("show", "s0").stdout.count(f"source: {GITHUB}@{head(folder)} skills/s0\n") == 1


@pytest.mark.parametrize(
    "kept", [None, [], "x", 3, {}, {"commit": 3}, {"modified": "yes"}, {"repository": None}]
)
def test_show_of_what_another_program_kept_is_no_error(kept: Any) -> None:
    value = realistic()
    metadata = value.version.metadata | {"source": kept}
    version = dataclasses.replace(value.version, metadata=metadata)
    out = io.StringIO()
    answer = dataclasses.replace(value, version=version)
    render.answer(answer, as_json=False, stdout=out, stderr=io.StringIO())
    assert "source:" not in out.getvalue()
