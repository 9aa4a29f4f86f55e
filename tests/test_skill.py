"""Reading skills from disk: what is taken, what it is called, and what is refused."""

from __future__ import annotations

import ast
import errno
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from everyskill_cli.errors import InvalidSkill, Unavailable
from everyskill_cli.skill import LocalSkill, read_skill
from everyskill_cli.skill import files as files_module
from tests.hostile import FOLDERS, SKILL, Hostile

MARKDOWN = "text/markdown; charset=utf-8"


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def refusal(path: Path, **options: object) -> InvalidSkill:
    with pytest.raises(InvalidSkill) as caught:
        read_skill(path, **options)
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    return caught.value


def paths(skill: LocalSkill) -> list[str]:
    return [file.path for file in skill.files]


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_hostile_paths_are_refused_by_their_rule_and_at_once(case: Hostile, tmp_path: Path):
    path = case.build(tmp_path)
    start = time.process_time()
    error = refusal(path)
    assert time.process_time() - start < 2
    assert error.rule == case.rule
    assert error.hint


def test_there_are_enough_hostile_cases():
    assert len(FOLDERS) >= 40
    assert len({case.name for case in FOLDERS}) == len(FOLDERS)


@pytest.mark.long
def test_100000_files_are_refused_in_well_under_a_second(tmp_path: Path):
    folder = write(tmp_path / "skill", {"SKILL.md": SKILL})
    try:
        for number in range(100_000):
            os.close(os.open(folder / f"{number}.md", os.O_CREAT | os.O_WRONLY))
        start = time.process_time()
        assert refusal(folder).rule == "too-many-files"
        assert time.process_time() - start < 1
    finally:
        shutil.rmtree(folder)  # pytest keeps the folders of three runs


def test_folder(tmp_path: Path):
    folder = write(
        tmp_path / "pdf-tools",
        {
            "SKILL.md": "---\nname: pdf-tools\ndescription: Work with PDF files.\n"
            "metadata:\n  version: 1.10\n  beta: no\n---\n# PDF\n",
            "scripts/run.sh": "#!/bin/sh\n",
            "a.md": "a",
            "Z.md": "z",
            "\u00e9.md": "e",
        },
    )
    (folder / "scripts" / "run.sh").chmod(0o754)
    skill = read_skill(folder)
    assert skill.source == str(folder)
    assert (skill.slug, skill.name) == ("pdf-tools", "pdf-tools")
    assert skill.description == "Work with PDF files."
    assert skill.content_type == "application/zip"
    assert paths(skill) == ["SKILL.md", "Z.md", "a.md", "scripts/run.sh", "\u00e9.md"]
    assert [file.path for file in skill.files if file.executable] == ["scripts/run.sh"]
    assert skill.metadata == {
        "frontmatter": {
            "name": "pdf-tools",
            "description": "Work with PDF files.",
            "metadata": {"version": "1.10", "beta": "no"},
        },
        "declared_version": "1.10",
    }
    assert skill.text == (folder / "SKILL.md").read_text()
    assert (skill.omitted, skill.warnings, skill.allowed_secrets) == ((), (), ())


def test_a_folder_of_one_file_is_that_file(tmp_path: Path):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, ".git/config": "x"})
    (folder / "SKILL.md").chmod(0o755)
    from_folder = read_skill(folder)
    from_file = read_skill(folder / "SKILL.md")
    assert from_folder.content_type == from_file.content_type == MARKDOWN
    assert from_folder.files == from_file.files
    assert not from_file.files[0].executable
    assert from_folder.slug == from_file.slug == "hostile"


def test_nested_skills_are_ordinary_files(tmp_path: Path):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, "more/inner/SKILL.md": SKILL})
    assert paths(read_skill(folder)) == ["SKILL.md", "more/inner/SKILL.md"]


def test_what_is_left_out_is_listed(tmp_path: Path):
    folder = write(
        tmp_path / "hostile",
        {
            "SKILL.md": SKILL,
            "keep.md": "x",
            ".git/config": "x",
            "lib/__pycache__/a.pyc": "x",
            "lib/b.pyc": "x",
            "lib/b.py": "x",
            "node_modules/x/index.js": "x",
            ".DS_Store": "x",
            ".clawhub/lock.json": "x",
            ".everyskillignore": "# drafts\n*.draft\n/build/\nnotes/*\n!notes/keep.md\n",
            "a.draft": "x",
            "build/out": "x",
            "lib/build/kept": "x",
            "notes/gone.md": "x",
            "notes/keep.md": "x",
        },
    )
    (folder / "notes" / "link").symlink_to("/etc/passwd")
    skill = read_skill(folder)
    assert paths(skill) == ["SKILL.md", "keep.md", "lib/b.py", "lib/build/kept", "notes/keep.md"]
    assert skill.omitted == (
        ".DS_Store",
        ".clawhub/",
        ".everyskillignore",
        ".git/",
        "a.draft",
        "build/",
        "lib/__pycache__/",
        "lib/b.pyc",
        "node_modules/",
        "notes/gone.md",
        "notes/link",
    )


def test_names_that_are_left_out_may_be_any_bytes(tmp_path: Path):
    folder = write(
        tmp_path / "hostile", {"SKILL.md": SKILL, ".everyskillignore": "a:*\n", "a:b": "x"}
    )
    (folder / "node_modules").symlink_to("/")
    assert read_skill(folder).omitted == (".everyskillignore", "a:b", "node_modules")


def test_slow_ignore_patterns_come_to_an_end(tmp_path: Path):
    folder = write(
        tmp_path / "hostile",
        {"SKILL.md": SKILL, ".everyskillignore": "\n".join(["*a*ab"] * 200)},
    )
    for number in range(30):
        (folder / f"{'a' * 250}{number}").touch()
    start = time.process_time()
    error = refusal(folder)
    assert time.process_time() - start < 2
    assert (error.rule, error.path) == ("invalid-ignore-file", ".everyskillignore")
    assert "1 s" in error.message


@pytest.mark.parametrize(
    "pattern", ["**/*_*.md", "*foo*", "a/**/b/**", "!*.tmp", "/x/*.e*.js", "# * a * b * c *"]
)
def test_usual_ignore_patterns_are_taken(tmp_path: Path, pattern: str):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, ".everyskillignore": pattern})
    assert paths(read_skill(folder)) == ["SKILL.md"]


@pytest.mark.parametrize(
    ("name", "text", "content_type", "path", "expected"),
    [
        ("review.md", "# Review\n\nRead it\ntwice.\n\nMore.", MARKDOWN, "SKILL.md",
         ("review", "review", "Read it twice.")),
        ("Crème Brûlée.MD", "Burn it.", MARKDOWN, "SKILL.md",
         ("creme-brulee", "Crème Brûlée", "Burn it.")),
        ("rules.mdc", "---\ndescription: Rules.\n---\n", MARKDOWN, "SKILL.md",
         ("rules", "rules", "Rules.")),
        ("prompt.txt", "You are a pirate.\n", "text/plain; charset=utf-8", "prompt.txt",
         ("prompt", "prompt", "You are a pirate.")),
        ("agent.json", '{"name": "My Agent", "description": "It acts.", "version": 1.10}',
         "application/json", "agent.json", ("my-agent", "My Agent", "It acts.")),
        ("list.json", "[1, 2]", "application/json", "list.json", ("list", "list", "")),
        ("agent.yaml", "name: Crew\ndescription: Many.\nmodel: {a: [1]}\n",
         "application/yaml", "agent.yaml", ("crew", "Crew", "Many.")),
        ("agent.toml", 'name = "Tom"\nversion = 3\n', "application/toml", "agent.toml",
         ("tom", "Tom", "")),
    ],
)  # fmt: skip
def test_single_files(tmp_path, name, text, content_type, path, expected):
    skill = read_skill(write(tmp_path, {name: text}) / name)
    assert (skill.content_type, paths(skill)) == (content_type, [path])
    assert (skill.slug, skill.name, skill.description) == expected
    assert skill.text == text
    assert skill.files[0].data == text.encode()


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("a.md", "---\nversion: 1.10\n---\nx", "1.10"),
        ("a.md", "---\nversion: 1\nmetadata: {version: '2.0'}\n---\nx", "2.0"),
        ("a.md", "---\nversion: [1]\n---\nx", None),
        ("a.json", '{"version": 1.10}', "1.10"),
        ("a.toml", "version = 3", "3"),
        ("a.toml", "[metadata]\nversion = '0.1'", "0.1"),
        ("a.txt", "version: 1", None),
    ],
)
def test_declared_version(tmp_path, name, text, version):
    skill = read_skill(write(tmp_path, {name: text}) / name)
    assert skill.metadata.get("declared_version") == version


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"a": ' + "[" * 99 + "1" + "]" * 99 + ', "b": "[[["}'),
        ("a.json", '{"a": "\\\\", "b": "\\"' + "{" * 200 + '"}'),
        ("a.toml", "a = " + "[" * 100 + "1" + "]" * 100),
        ("a.toml", f'a = """{"[" * 200}"""\nb = \'{"[" * 200}\' # {"[" * 200}'),
        ("a.toml", f"a = \'\'\'{'{' * 200}\'\'\'"),
    ],
)  # fmt: skip
def test_100_levels_are_taken_and_brackets_in_texts_are_none(tmp_path, name: str, text: str):
    assert read_skill(write(tmp_path, {name: text}) / name).text == text


@pytest.mark.parametrize(("name", "text"), [("a.json", "%s1%s"), ("a.toml", "a = %s1%s")])
def test_101_levels_are_not(tmp_path: Path, name: str, text: str):
    write(tmp_path, {name: text % ("[" * 101, "]" * 101)})
    assert "100 levels" in refusal(tmp_path / name).message


def test_slug_is_typed_or_made(tmp_path: Path):
    folder = write(tmp_path / "My Folder", {"SKILL.md": "Text."})
    assert read_skill(folder).slug == "my-folder"
    assert read_skill(folder / "SKILL.md").name == "My Folder"
    assert read_skill(folder, slug="chosen").slug == "chosen"
    write(folder, {"SKILL.md": "---\nname: \u6280\u80fd\n---\nText."})
    skill = read_skill(folder)
    assert (skill.slug, skill.name) == ("my-folder", "\u6280\u80fd")
    with pytest.raises(ValueError, match="slug"):
        read_skill(folder, slug="Not a slug")


def test_the_folder_typed_may_be_a_link_or_a_dot(tmp_path: Path, monkeypatch):
    folder = write(tmp_path / "real", {"SKILL.md": SKILL, "a.md": "a"})
    (tmp_path / "hostile").symlink_to(folder)
    assert read_skill(tmp_path / "hostile").warnings == ()
    monkeypatch.chdir(folder)
    assert [w.rule for w in read_skill(Path()).warnings] == ["name-not-folder"]
    assert read_skill(Path("../real")).name == "hostile"


def test_byte_order_mark_and_windows_lines(tmp_path: Path):
    data = b"\xef\xbb\xbf---\r\nname: hostile\r\ndescription: D.\r\n--- \r\nBody\r\n"
    skill = read_skill(write(tmp_path / "hostile", {"SKILL.md": data}))
    assert (skill.name, skill.description, skill.warnings) == ("hostile", "D.", ())
    assert skill.files[0].data == data
    assert skill.text == data.decode("utf-8-sig")


def test_skill_md_alone_warns_about_its_siblings(tmp_path: Path):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, "run me.sh": "x"})
    warning = read_skill(folder / "SKILL.md").warnings[0]
    assert (warning.rule, warning.path) == ("sibling-files", "SKILL.md")
    assert f"everyskill publish {folder}" in warning.message
    assert refusal(folder / "SKILL.md", strict=True).rule == "sibling-files"


SPECIFICATION = [
    ("Text.", ["missing-frontmatter"]),
    ("---\n---\nText.", ["missing-name", "missing-description"]),
    ("---\nname: ''\ndescription: ' '\n---\n.", ["missing-name", "missing-description"]),
    ("---\nname: [a]\ndescription: {}\n---\n.", ["name-not-text", "description-not-text"]),
    ("---\nname: Skill\ndescription: d\n---\n", ["name-characters", "name-not-folder"]),
    ("---\nname: -a--b\ndescription: d\n---\n", ["name-hyphens", "name-not-folder"]),
    ("---\nname: skill\ndescription: %s\n---\n" % ("d" * 1025), ["description-length"]),
    ("---\nname: skill\ndescription: %s\n---\n" % ("d" * 1024), []),
    ("---\nname: skill\ndescription: d\ncompatibility: %s\n---\n" % ("c" * 501),
     ["compatibility-length"]),
    ("---\nname: skill\ndescription: d\ncompatibility: ''\n---\n", ["compatibility-length"]),
    ("---\nname: skill\ndescription: d\ncompatibility: []\n---\n", ["compatibility-not-text"]),
    ("---\nname: skill\ndescription: d\nmetadata: x\n---\n", ["metadata-not-a-map"]),
    ("---\nname: skill\ndescription: d\nmetadata: {x: [1], y: {}}\n---\n", ["metadata-not-texts"]),
    ("---\nname: skill\ndescription: d\nlicense: [MIT]\n---\n", ["license-not-text"]),
    ("---\nname: skill\ndescription: d\nmetadata: {x: 1.0}\nlicense: 2\n---\n", []),
    ("---\nname: skill\ndescription: d\nallowed-tools: [Bash]\n---\n", ["allowed-tools-not-text"]),
    ("---\nname: skill\ndescription: d\nversion: 1\nauthor: me\n---\n",
     ["unknown-key", "unknown-key"]),
    ("---\nname: skill\ndescription: d\nmetadata:\n  github-repo: a/b\n  local-path: /home/me\n"
     "  tags: x\n---\n", ["tool-residue", "tool-residue"]),
    ("---\nname: skill\ndescription: d\nlicense: MIT\ncompatibility: any\nmetadata: {a: b}\n"
     "allowed-tools: Bash Read\n---\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rules"), SPECIFICATION)
def test_specification_warns_and_strict_refuses(tmp_path: Path, text: str, rules: list[str]):
    folder = write(tmp_path / "skill", {"SKILL.md": text, "a.md": "a"})
    assert [warning.rule for warning in read_skill(folder, slug="s").warnings] == rules
    if rules:
        error = refusal(folder, slug="s", strict=True)
        assert (error.rule, error.path) == (rules[0], "SKILL.md")
    else:
        assert read_skill(folder, slug="s", strict=True).warnings == ()


def test_specification_names_the_line_and_strict_the_others(tmp_path: Path):
    text = "---\nname: Skill\n\ndescription: d\nmodel: opus\n---\n"
    folder = write(tmp_path / "skill", {"SKILL.md": text})
    assert [warning.line for warning in read_skill(folder).warnings] == [2, 2, 5]
    error = refusal(folder, strict=True)
    assert error.line == 2
    assert "2 more" in error.hint
    assert "'model'" in error.hint


def test_long_names_warn_and_need_a_slug(tmp_path: Path):
    folder = write(tmp_path / "skill", {"SKILL.md": f"---\nname: {'a' * 65}\n---\nText"})
    assert refusal(folder).rule == "slug-too-long"
    rules = [warning.rule for warning in read_skill(folder, slug="short").warnings]
    assert rules == ["name-length", "name-not-folder", "missing-description"]


def test_hints_name_the_skill_that_was_meant(tmp_path: Path):
    cased = write(tmp_path / "my skill", {"Skill.md": SKILL})
    if not (cased / "SKILL.md").exists():  # where the file system tells the two apart
        assert f"mv '{cased}/Skill.md' '{cased}/SKILL.md'" in refusal(cased).hint


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, "log.md": "a\n"})
    read = os.read

    def growing(descriptor: int, count: int) -> bytes:
        with (folder / "log.md").open("a") as log:
            log.write("more\n")
        return read(descriptor, count)

    monkeypatch.setattr(files_module.os, "read", growing)
    error = refusal(folder)
    assert (error.rule, error.path) == ("changed-while-read", "log.md")


def test_a_file_that_is_rewritten_in_place_is_refused(tmp_path: Path, monkeypatch):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL})
    fstat, seen = os.fstat, []

    def rewriting(descriptor: int) -> os.stat_result:
        if seen:
            (folder / "SKILL.md").write_text(SKILL.replace("seems", "SEEMS"))
        seen.append(descriptor)
        return fstat(descriptor)

    monkeypatch.setattr(files_module.os, "fstat", rewriting)
    assert refusal(folder / "SKILL.md").rule == "changed-while-read"


@pytest.mark.parametrize("what", ["a.md", "inner", "."])
def test_what_may_not_be_read_is_named(tmp_path: Path, what: str):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, "a.md": "a", "inner/b.md": "b"})
    before = Path.cwd()
    os.chdir(folder)  # the folders above are closed to others
    (folder / what).chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # root reads everything; nobody does not
        error = refusal(Path())
    finally:
        os.seteuid(user)
        (folder / what).chmod(0o755)
        os.chdir(before)
    assert (error.rule, error.path) == ("unreadable-file", what)


def test_a_failing_disk_is_not_the_skills_fault(tmp_path: Path, monkeypatch):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL})

    def failing(descriptor: int, count: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files_module.os, "read", failing)
    with pytest.raises(Unavailable, match=r"SKILL\.md could not be read"):
        read_skill(folder)


def test_no_descriptor_stays_open(tmp_path: Path):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, "a/b/c.md": "x"})
    (folder / "a" / "b" / "link").symlink_to("/etc/passwd")
    probe = os.open(folder, os.O_RDONLY)
    os.close(probe)
    refusal(folder)
    again = os.open(folder, os.O_RDONLY)
    os.close(again)
    assert again == probe


def test_1000_files_are_taken(tmp_path: Path):
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL})
    for number in range(999):
        (folder / f"{number}.md").touch()
    assert len(read_skill(folder).files) == 1000


def test_32_names_and_512_bytes_are_taken(tmp_path: Path):
    deep = "/".join("d" * 32)
    long = f"{'n' * 250}/{'m' * 250}/{'x' * 10}"
    folder = write(tmp_path / "hostile", {"SKILL.md": SKILL, deep: "x", long: "x"})
    assert set(paths(read_skill(folder))) == {"SKILL.md", deep, long}


def test_every_rule_is_documented_and_every_documented_rule_exists():
    root = Path(__file__).parents[1]
    package = root / "everyskill_cli"
    others = [package / "bundle.py", package / "registry/publishing/reading.py"]
    sources = [*(package / "skill").glob("*.py"), *others]
    texts = {
        node.value
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    rows = re.findall(r"^\| (`.+?) \|", (root / "docs/bundles.md").read_text("utf-8"), re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", row)}
    no_rules = {"utf-8", "utf-8-sig", "allowed-tools", "local-path", "github-"}
    used = {text for text in texts if re.fullmatch(r"[a-z]+[0-9]*(?:-[a-z0-9]+)+", text)}
    assert used - no_rules - documented == set()
    assert documented - texts == set()
