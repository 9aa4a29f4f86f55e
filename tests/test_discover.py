"""Which skills lie at some paths: files, folders and trees, and what is passed by on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from everyskill_cli.bundle import pack
from everyskill_cli.errors import InvalidSkill, UsageError
from everyskill_cli.skill import Discovery, discover, read_skill
from everyskill_cli.skill.discover import DEPTH_MAX
from everyskill_cli.skill.paths import as_text
from tests.commands import Commands, as_ordinary_user
from tests.registries import write_skill

IGNORE = ".everyskillignore"
UNREADABLE_PATTERNS = ["!", "a\\", "\n".join(map(str, range(201))), "*a*b*c*"]


def skills(*paths: str) -> None:
    """Write skill folders below the working folder, each with the name of its folder."""
    for path in paths:
        write_skill(Path(path).parent, Path(path).name)


def write(path: str, text: str = "") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def found(*paths: str, exclude: list[str] | None = None) -> list[str]:
    """The sources at some paths; nothing may be warned of."""
    discovery = look(*paths, exclude=exclude)
    assert discovery.warnings == ()
    return sources(discovery)


def look(*paths: str, exclude: list[str] | None = None) -> Discovery:
    return discover([Path(path) for path in paths], exclude or [])


def sources(discovery: Discovery) -> list[str]:
    return [str(path) for path in discovery.sources]


def warned(discovery: Discovery) -> list[tuple[str, str | None]]:
    for finding in discovery.warnings:
        assert str(finding.source) in finding.message
        assert finding.message.endswith("It was passed by.")
    return [(finding.rule, finding.source) for finding in discovery.warnings]


# Files, skill folders, trees.


def test_a_file_and_a_skill_folder_stand_for_themselves() -> None:
    skills("a")
    write("a/more/SKILL.md", "# Of the skill around it\n")
    write("notes.txt", "Text.\n")
    write("picture.png")
    for path in ("a", "a/SKILL.md", "notes.txt", "picture.png"):
        discovery = look(path)
        assert (sources(discovery), discovery.is_tree) == ([path], False)
    assert found("picture.png", "a") == ["picture.png", "a"]


def test_a_tree_is_walked_to_the_first_skill_of_each_branch() -> None:
    skills("skills/b", "skills/a", "skills/team/x/c", "skills/team/d")
    skills("skills/a/inner", "skills/team/d/examples/e")
    write("skills/README.md", "# Skills\n")
    write("skills/notes/text.md", "# No skill\n")
    Path("skills/empty").mkdir()
    discovery = look("skills")
    assert sources(discovery) == ["skills/a", "skills/b", "skills/team/d", "skills/team/x/c"]
    assert (discovery.is_tree, discovery.warnings) == (True, ())
    files = [file.path for file in read_skill(Path("skills/a")).files]
    assert files == ["SKILL.md", "inner/SKILL.md"]


def test_a_folder_below_a_tree_is_a_tree_even_with_one_skill() -> None:
    skills("skills/a")
    assert look("skills").is_tree
    assert not look("skills/a").is_tree


def test_skills_come_in_the_order_of_what_was_typed_and_then_by_name() -> None:
    skills("x/b", "x/a", "x/B", "x/10", "x/9", "y/z")
    write("f.md", "Do it.\n")
    assert found("y", "f.md", "x") == ["y/z", "f.md", "x/10", "x/9", "x/B", "x/a", "x/b"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["skills/a", "skills/a"], ["skills/a"]),
        (["skills/a", "./skills/../skills/a/"], ["skills/a"]),
        (["skills", "skills/a"], ["skills/a", "skills/b"]),
        (["skills/b", "skills"], ["skills/b", "skills/a"]),
        (["skills", "skills"], ["skills/a", "skills/b"]),
        (["skills/a", "skills/b", "skills"], ["skills/a", "skills/b"]),
        (["skills", "."], ["skills/a", "skills/b"]),
    ],
    ids=" ".join,
)
def test_each_source_is_taken_once(paths: list[str], expected: list[str]) -> None:
    skills("skills/a", "skills/b")
    assert found(*paths) == expected


def test_the_working_folder_and_whole_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    skills("skills/a")
    here = Path.cwd()
    assert found(".") == ["skills/a"]
    assert found(str(here)) == [f"{here}/skills/a"]
    assert found(str(here / "skills"), "skills") == [f"{here}/skills/a"]
    monkeypatch.chdir("skills/a")
    assert found(".") == ["."]
    assert found("..") == ["../a"]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("empty", "empty-folder"),
        ("texts", "missing-skill-md"),
        ("nowhere", "missing-path"),
        ("texts/a.md/b", "missing-path"),
        ("n" * 300, "missing-path"),
        ("pipe", "special-file"),
    ],
)
def test_what_is_no_skill_stands_for_itself_and_reading_it_says_why(path: str, rule: str) -> None:
    Path("empty").mkdir()
    write("texts/a.md", "# A\n")
    os.mkfifo("pipe")
    skills("skills/a")
    discovery = look("skills", path)
    assert sources(discovery) == ["skills/a", path]
    assert not look(path).is_tree
    with pytest.raises(InvalidSkill) as caught:
        read_skill(discovery.sources[1])
    assert caught.value.rule == rule


def test_a_skill_md_that_is_no_file_is_still_where_the_walk_ends() -> None:
    Path("skills/a/SKILL.md").mkdir(parents=True)
    skills("skills/a/SKILL.md/b", "skills/c")
    Path("skills/d").mkdir()
    Path("skills/d/SKILL.md").symlink_to("../c/SKILL.md")
    assert found("skills") == ["skills/a", "skills/c", "skills/d"]


# What is left out without being asked for.


@pytest.mark.parametrize("name", [".git", "node_modules", "__pycache__", ".clawhub", "old.pyc"])
def test_what_is_left_out_of_every_skill_holds_none(name: str) -> None:
    skills("skills/a", f"skills/{name}/b", f"skills/team/{name}/deep/c")
    assert found("skills") == ["skills/a"]
    assert found(f"skills/{name}") == [f"skills/{name}/b"]  # somebody has named it


def test_virtual_environments_bring_skills_of_their_own() -> None:
    skills("skills/a", "skills/env/lib/site-packages/b", "skills/env-too/c", "skills/.hidden/d")
    write("skills/env/pyvenv.cfg", "home = /usr/bin\n")
    assert found("skills") == ["skills/.hidden/d", "skills/a", "skills/env-too/c"]


# Ignore files above the skills.


def test_ignore_files_speak_for_what_is_below_them() -> None:
    skills("a", "old/b", "team/drafts/c", "team/old/d", "team/e", "team/x/drafts/f", "drafts/g")
    write(IGNORE, "# What nobody needs\n\n/old/\ne\n")
    write(f"team/{IGNORE}", "drafts/\n")
    assert found(".") == ["a", "drafts/g", "team/old/d"]
    assert found("team") == ["team/e", "team/old/d"]  # what lies above PATH was not asked


def test_an_ignore_file_names_paths_from_its_own_folder() -> None:
    skills("x/y/a", "x/y/b", "x/z/a")
    write(f"x/{IGNORE}", "y/a\n")
    assert found(".") == ["x/y/b", "x/z/a"]


def test_an_ignore_file_takes_back_what_it_ignored() -> None:
    skills("s/a", "s/b", "s/c")
    write(f"s/{IGNORE}", "*\n!b\n")
    assert found("s") == ["s/b"]


def test_an_ignore_file_above_does_not_reach_into_a_skill() -> None:
    folder = write_skill(Path("skills"), "a", draft_txt="d", drafts__x_txt="x", keep_md="k")
    alone = pack(read_skill(folder)).content_hash
    write(IGNORE, "draft_txt\n")
    write(f"skills/{IGNORE}", "drafts/\n*_txt\n*.md\nSKILL.md\n")
    write(f"skills/b/{IGNORE}", "*.md\n")
    [source] = look(".").sources
    skill = read_skill(source)
    assert [file.path for file in skill.files] == [
        "SKILL.md",
        "draft_txt",
        "drafts/x_txt",
        "keep_md",
    ]
    assert pack(skill).content_hash == alone
    write(f"skills/a/{IGNORE}", "drafts/\n")  # its own does
    assert len(read_skill(source).files) == 3


def test_a_skill_of_its_own_path_is_taken_though_its_tree_ignores_it() -> None:
    skills("skills/a", "skills/b")
    write(f"skills/{IGNORE}", "a\n")
    assert found("skills/a", "skills") == ["skills/a", "skills/b"]


def test_a_tree_that_ignores_everything_says_what_a_skill_needs() -> None:
    skills("skills/a")
    write(f"skills/{IGNORE}", "*\n")
    discovery = look("skills")
    assert (sources(discovery), discovery.is_tree) == (["skills"], False)
    with pytest.raises(InvalidSkill, match=r"skills has no SKILL\.md at its top"):
        read_skill(discovery.sources[0])


@pytest.mark.parametrize("pattern", UNREADABLE_PATTERNS, ids=lambda value: value[:9])
def test_an_ignore_file_that_cannot_be_read_is_refused_with_its_place(pattern: str) -> None:
    skills("skills/team/a")
    write(f"skills/team/{IGNORE}", pattern)
    with pytest.raises(InvalidSkill) as caught:
        look("skills")
    assert caught.value.rule == "invalid-ignore-file"
    assert f"skills/team/{IGNORE}" in caught.value.message
    assert caught.value.path == f"skills/team/{IGNORE}"


def test_an_ignore_file_that_is_a_link_is_refused() -> None:
    skills("skills/a")
    write("patterns", "a\n")
    Path(f"skills/{IGNORE}").symlink_to("../patterns")
    with pytest.raises(InvalidSkill, match="symbolic link"):
        look("skills")


# --exclude.


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["drafts"], ["skills/a", "skills/team/b"]),
        (["drafts/"], ["skills/a", "skills/team/b"]),
        (["/drafts"], ["skills/a", "skills/team/b", "skills/team/drafts/d"]),  # from PATH
        (["skills/drafts"], ["skills/a", "skills/team/b", "skills/team/drafts/d"]),  # as typed
        (["/skills/team"], ["skills/a", "skills/drafts/c"]),
        (["team/drafts"], ["skills/a", "skills/drafts/c", "skills/team/b"]),
        (["**/b", "a"], ["skills/drafts/c", "skills/team/drafts/d"]),
        (["drafts", "!**/team/drafts"], ["skills/a", "skills/team/b", "skills/team/drafts/d"]),
        (["team", "!b"], ["skills/a", "skills/drafts/c"]),  # as git: what is below is not asked
        (["*", "!a", "!skills"], ["skills/a"]),
        (["", "# a"], ["skills/a", "skills/drafts/c", "skills/team/b", "skills/team/drafts/d"]),
        (["SKILL.md"], ["skills/a", "skills/drafts/c", "skills/team/b", "skills/team/drafts/d"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_is_excluded_is_passed_by(patterns: list[str], expected: list[str]) -> None:
    skills("skills/a", "skills/drafts/c", "skills/team/b", "skills/team/drafts/d")
    assert found("skills", exclude=patterns) == expected


def test_patterns_see_the_path_as_it_was_typed() -> None:
    skills("skills/a", "skills/b")
    here = Path.cwd()
    for typed in ("skills/a", "./skills/a", "skills/../skills/a/"):
        assert found(typed, "skills/b", exclude=["/skills/a"]) == ["skills/b"]
    whole = [str(here / "skills" / name) for name in "ab"]
    assert found(*whole, exclude=[f"{here}/skills/a"]) == [whole[1]]
    assert found(str(here / "skills"), exclude=[f"{here}/skills/a"]) == [whole[1]]
    assert found(".", exclude=["*.md", "/skills/a"]) == ["skills/b"]


def test_the_folder_that_was_typed_as_a_dot_is_not_excluded_by_its_dot() -> None:
    skills("a", "b")
    assert found(".", exclude=[".", ".*", "b"]) == ["a"]


def test_excluding_does_not_reach_into_a_skill() -> None:
    folder = write_skill(Path("skills"), "a", drafts__x_md="x")
    assert found("skills", exclude=["drafts", "*.md"]) == ["skills/a"]
    assert len(read_skill(folder).files) == 2


@pytest.mark.parametrize(
    ("typed", "pattern"),
    [(["skills"], "*"), (["skills"], "skills"), (["skills"], "a"), (["skills/a", "f.md"], "[af]*")],
)
def test_excluding_everything_is_a_mistake(typed: list[str], pattern: str) -> None:
    skills("skills/a")
    write("f.md", "Do it.\n")
    with pytest.raises(UsageError, match="--exclude leaves nothing"):
        look(*typed, exclude=[pattern])


def test_excluding_here_does_not_hide_that_there_is_nothing_there() -> None:
    skills("skills/a", "skills/drafts/b")
    Path("empty").mkdir()
    expected = ["skills/a", "empty"]
    assert found("skills", "empty", exclude=["drafts"]) == expected
    assert found("empty", "skills", exclude=["drafts"]) == expected[::-1]


@pytest.mark.parametrize("pattern", UNREADABLE_PATTERNS, ids=lambda value: value[:9])
def test_a_pattern_that_cannot_be_meant_is_a_mistake_of_the_command(pattern: str) -> None:
    skills("skills/a")
    with pytest.raises(UsageError) as caught:
        look("skills", exclude=[pattern])
    assert caught.value.message.startswith("--exclude")
    assert IGNORE not in caught.value.message
    assert caught.value.hint


def test_patterns_that_take_too_long_are_a_mistake_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("everyskill_cli.skill.ignore.SECONDS_MAX", 0.0)
    skills("skills/a")
    with pytest.raises(UsageError) as caught:
        look("skills", exclude=["*a*ab"])
    assert "--exclude" in caught.value.message
    assert IGNORE not in caught.value.message


# Links.


def test_links_in_a_tree_are_not_followed_and_those_to_skills_are_told() -> None:
    skills("elsewhere/a", "skills/b")
    Path("skills/linked").symlink_to("../elsewhere/a")
    Path("skills/again").symlink_to("b")
    Path("skills/tree").symlink_to("../elsewhere")  # no skill itself
    Path("skills/file.md").symlink_to("b/SKILL.md")
    Path("skills/broken").symlink_to("nowhere")
    Path("skills/loop").symlink_to("loop")
    Path("skills/up").symlink_to("..")
    discovery = look("skills")
    assert sources(discovery) == ["skills/b"]
    assert warned(discovery) == [
        ("link-passed-by", "skills/again"),
        ("link-passed-by", "skills/linked"),
    ]


def test_a_link_that_was_typed_is_followed() -> None:
    skills("elsewhere/skills/a")
    Path("tree").symlink_to("elsewhere/skills")
    Path("one").symlink_to("elsewhere/skills/a")
    assert found("tree", "one") == ["tree/a", "one"]
    Path("loop").symlink_to("loop")
    assert found("loop") == ["loop"]
    with pytest.raises(InvalidSkill):
        read_skill(Path("loop"))


def test_excluded_and_ignored_links_are_not_told() -> None:
    skills("skills/a", "elsewhere/b")
    Path("skills/drafts").mkdir()
    for name in ("one", "drafts/two", "node_modules"):
        (Path.cwd() / "skills" / name).symlink_to(Path("elsewhere/b").absolute())
    write(f"skills/{IGNORE}", "one\n")
    assert found("skills", exclude=["drafts"]) == ["skills/a"]


# Names.


@pytest.mark.parametrize("name", ["skill.md", "Skill.md", "SKILL.MD", "sKiLl.mD"])
def test_another_case_of_skill_md_is_told_and_no_skill(name: str) -> None:
    skills("skills/a")
    write(f"skills/low/{name}", "# Low\n")
    write(f"skills/a/{name.replace('SKILL', 'x')}", "# Inside of a skill\n")
    skills("skills/low/inner")  # the walk goes on
    discovery = look("skills")
    assert sources(discovery) == ["skills/a", "skills/low/inner"]
    assert warned(discovery) == [("skill-md-case", f"skills/low/{name}")]


def test_names_that_are_no_text_or_break_lines() -> None:
    names = [os.fsdecode(b"caf\xe9"), "two\nlines", "ünï", " ", "-r", "\x1b[31m", "a\\b"]
    for name in names:
        write_skill(Path("skills") / name, "a")
    paths = [Path("skills") / name / "a" for name in sorted(names)]
    assert look("skills").sources == tuple(paths)
    assert look("skills", exclude=[r"caf\\xe9"]).sources == tuple(
        path for path in paths if "caf" not in as_text(path)
    )
    assert read_skill(paths[names.index("-r")]).slug == "a"


def test_a_skill_whose_own_folder_is_no_text_is_found() -> None:
    folder = write_skill(Path("skills")).rename(Path("skills") / os.fsdecode(b"caf\xe9"))
    assert look("skills").sources == (folder,)


# Depth, permissions.


def deep(depth: int, name: str = "d") -> str:
    """A path through so many folders, which it makes."""
    path = "/".join(["skills", *[name] * depth])
    Path(path).mkdir(parents=True)
    return path


def test_a_skill_may_lie_so_deep_and_no_deeper() -> None:
    path = deep(DEPTH_MAX)
    skills(f"{path}/a", f"{path}/too/deep")
    discovery = look("skills")
    assert sources(discovery) == [f"{path}/a"]
    assert warned(discovery) == [("too-deep", f"{path}/too")]


def test_a_tree_without_an_end_is_walked_to_its_depth() -> None:
    """Also one whose paths no call of the system takes."""
    skills("skills/a")
    here = Path.cwd()
    os.chdir("skills")
    for _ in range(40):
        Path("n" * 200).mkdir()
        os.chdir("n" * 200)
    os.chdir(here)
    first, *others = look("skills").sources
    assert first == Path("skills/a")
    for other in others:  # whoever cannot be listed says so when it is read
        with pytest.raises(InvalidSkill):
            read_skill(other)


def test_a_folder_that_may_not_be_listed_is_refused_and_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skills("skills/a", "skills/closed/b", "skills/blind/c", "skills/d")
    Path("skills/closed").chmod(0o000)
    Path("skills/blind").chmod(0o444)  # its names may be read, and nothing behind them
    try:
        done = as_ordinary_user("check", "skills", "--json")
    finally:
        Path("skills/closed").chmod(0o755)
        Path("skills/blind").chmod(0o755)
    results = {each["path"]: each for each in done.json["results"]}
    assert list(results) == ["skills/a", "skills/blind/c", "skills/closed", "skills/d"]
    assert [each["status"] for each in results.values()] == ["ok", "refused", "refused", "ok"]
    for path in ("skills/blind/c", "skills/closed"):
        assert "may not be read" in results[path]["error"]["message"]
    assert done.code == 3
    assert Commands(capsys)("check", "skills").code == 0
