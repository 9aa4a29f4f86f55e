"""What tools take, what answers look like, and how addresses and parts of files are made."""

from __future__ import annotations

import json
import mimetypes
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from everyskill_cli.cli import render
from everyskill_cli.cli.render.documents import document
from everyskill_cli.cli.values import rating
from everyskill_cli.errors import IntegrityFailure, NotFound, NotReady, UsageError
from everyskill_cli.mcp import addresses, arguments, resources, schemas, server, skills
from everyskill_cli.mcp.addresses import Folder
from everyskill_cli.mcp.tools import tools
from everyskill_cli.model import FileEntry, Pin, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.get import get, hold
from everyskill_cli.registry.published import list_published
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.settings import VARIABLES
from everyskill_cli.skill import SkillFile
from everyskill_cli.skill.content import read_content, read_frontmatter
from everyskill_cli.skill.plain_yaml import core_value
from tests.registries import make_registry, write_skill
from tests.samples import ROOT, filled
from tests.tampering import loosen, unchecked

TOOLS = tools(allow_publish=True)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("empty", [True, False])
def test_every_answer_is_as_its_schema_says(name, empty):
    kind = TOOLS[name].answer
    schema = schemas.schema_of(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for choice in range(8):
        said = json.loads(json.dumps(render.to_json(filled(kind, "x", choice, empty=empty))))
        assert validator.is_valid(said)
    for field in schema["required"]:
        assert not validator.is_valid({**said, field: 1.5})


@dataclass
class Choice:
    """What an answer may hold one day."""

    one: int | str | tuple[int | None, ...] | None


def test_a_schema_has_every_member_of_a_union():
    schema = schemas.schema_of(Choice)
    for value, fits in ((1, True), ("a", True), ([1, None], True), (None, True), (["a"], False)):
        assert jsonschema.Draft202012Validator(schema).is_valid({"one": value}) == fits
    assert not jsonschema.Draft202012Validator(schema).is_valid({"one": 1.5})


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(1, 100), (4.5, 450), (4.55, 455), (5.0, 500), (1.004, None), (5.01, None), (0.99, None)],
)
def test_stars_are_read_as_on_the_command_line(sent, stored):
    readers = (arguments.stars("min_rating", "Stars.").read, lambda sent: rating(str(sent)))
    for read in readers:
        if stored is None:
            with pytest.raises(
                (ValueError, typer.BadParameter), match="number of stars from 1 to 5"
            ):
                read(sent)
        else:
            assert read(sent) == stored


def values() -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70)
    return leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.text(), leaves, max_size=3)


@settings(max_examples=60)
@given(st.sampled_from(sorted(TOOLS)), st.data())
def test_anything_is_read_or_refused(name, data):
    tool = TOOLS[name]
    names = st.sampled_from([argument.name for argument in tool.takes] * 3 + ["else", "\u202e"])
    given_ = data.draw(st.dictionaries(names, values(), max_size=3))
    given_ |= data.draw(st.just({}) | st.just({"skill": "demo"}))
    try:
        found = arguments.read(name, tool.takes, given_)
    except UsageError as error:
        assert error.message.endswith((".", ")")) and error.hint
        assert len(error.message) < 300
    else:
        assert set(found) == {argument.name for argument in tool.takes}


@pytest.mark.parametrize("name", TOOLS)
def test_defaults_are_those_of_the_schema(name):
    tool = TOOLS[name]
    schema = arguments.schema_of(tool.takes)
    jsonschema.Draft202012Validator.check_schema(schema)
    for argument in tool.takes:
        shown = schema["properties"][argument.name].get("default")
        if shown is not None:
            assert argument.read(shown) == argument.default
        assert (argument.name in schema["required"]) == (argument.default is arguments.REQUIRED)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("true", True),
        ("yes", "yes"),
        ("1.10", 1.1),
        ("+12", 12),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".", "."),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9" * 101, "9" * 101),
        ("2026-01-02", "2026-01-02"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
    ],
)
def test_an_unquoted_scalar_means_what_yaml_says(text, value):
    assert core_value(text) == value and type(core_value(text)) is type(value)


def test_quoted_scalars_and_keys_stay_texts():
    head = "---\nname: '1'\n2: \"true\"\nmetadata:\n  version: 1.0\n  3: [4, '4', {5: 6}]\n---\nx"
    file = SkillFile("SKILL.md", head.encode(), False)
    assert read_frontmatter(file) == {
        "name": "1",
        "2": "true",
        "metadata": {"version": 1.0, "3": [4, "4", {"5": 6}]},
    }
    hashed = read_content(file, "text/markdown; charset=utf-8").frontmatter
    assert hashed["metadata"] == {"version": "1.0", "3": ["4", "4", {"5": "6"}]}
    assert read_frontmatter(SkillFile("SKILL.md", b"# None\n", False)) == {}
    assert read_frontmatter(SkillFile("SKILL.md", b"---\n---\n# Empty\n", False)) == {}


def test_what_a_client_may_run_without_asking():
    """Codex asks before what is destructive, or writes where others see it."""
    said = {tool.name: server.said_of(tool).annotations for tool in TOOLS.values()}
    assert {
        name: (a.read_only_hint, a.destructive_hint, a.idempotent_hint, a.open_world_hint)
        for name, a in said.items()
    } == {
        "search": (True, False, True, True),
        "list": (True, False, True, True),
        "show": (True, False, True, True),
        "get": (True, False, True, True),
        "rate": (False, True, True, True),
        "use": (False, False, False, True),
        "publish": (False, True, True, True),
    }


# Addresses.


def pin_of(*paths: str, slug: str = "demo", size: int = 1, **frontmatter: object) -> Pin:
    made = filled(Pin, "x")
    files = tuple(FileEntry(path, size, "0" * 64, False) for path in paths or ("SKILL.md",))
    said = {"name": "demo", "description": "What it does."} | frontmatter
    version = replace(
        made.version, version=3, files=files, metadata={"frontmatter": said}, description="x"
    )
    return replace(made, slug=slug, version=version)


@pytest.mark.parametrize(
    ("pin", "is_pinned", "uri"),
    [
        (pin_of(), False, "skill://demo/SKILL.md"),
        (pin_of(), True, "skill://demo.3/demo/SKILL.md"),
        (pin_of(slug="other"), False, "skill://other/demo/SKILL.md"),
        (pin_of(slug="other"), True, "skill://other.3/demo/SKILL.md"),
        (pin_of(name="Not a slug"), False, "skill://demo/SKILL.md"),
        (pin_of(name="Not a slug"), True, "skill://demo.3/SKILL.md"),
    ],
)
def test_an_address_is_read_back(pin, is_pinned, uri):
    folder = Folder(pin, is_pinned)
    for path in ("SKILL.md", "a/b", "über mich/100% #1?.md", "demo/SKILL.md"):
        made = folder.uri(path)
        assert made.isascii()
        assert addresses.parse(made).reference == Reference(pin.slug, 3 if is_pinned else None)
        assert folder.inside(addresses.parse(made).rest) == path
    assert folder.uri("SKILL.md") == uri
    assert folder.inside(addresses.parse(folder.root).rest) == ""


@given(st.text())
def test_any_address_is_read_or_refused(text):
    for uri in (text, f"skill://{text}", f"skill://demo/{text}", f"skill://demo.2/{text}"):
        try:
            found = addresses.parse(uri)
        except NotFound as error:
            assert error.hint
        else:
            assert str(found.reference) in ("demo", "demo@2") or uri == f"skill://{text}"


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        (pin_of(), None),
        (pin_of(*(f"{n}" for n in range(511)), "SKILL.md"), None),
        (pin_of(*(f"{n}" for n in range(512)), "SKILL.md"), "512 files"),
        (pin_of("SKILL.md", "a", size=8 * 2**20), None),
        (pin_of("SKILL.md", "a", size=8 * 2**20 + 1), "16 MiB"),
        (pin_of("note.txt"), "no SKILL.md"),
        (pin_of(name=""), "name"),
        (pin_of(name="A"), "name"),
        (pin_of(name="true"), "name"),
        (pin_of(name=["demo"]), "name"),
        (pin_of(description=" "), "description"),
        (pin_of(description="x" * 1025), "description"),
        (pin_of(description={}), "description"),
        (pin_of(description=f" {'x' * 1023} "), "description"),
        (pin_of(license=["MIT"]), "license"),
        (pin_of(compatibility="x" * 500), None),
        (pin_of(compatibility="x" * 501), "compatibility"),
        (pin_of(metadata={"version": "1.0"}), None),
        (pin_of(metadata={"tags": ["a"]}), "metadata.tags"),
        (replace(pin_of(), version=replace(pin_of().version, metadata={})), "name"),
    ],
)
def test_what_is_no_skill_of_the_extension(pin, why):
    said = skills.why_no_skill(pin)
    assert said is None if why is None else why in said


def test_codex_passes_on_every_setting():
    """Those that its snippet does not name are not there when the server starts."""
    snippet = (ROOT / "docs/agents.md").read_text().split("```toml\n")[1].partition("```")[0]
    named = tomllib.loads(snippet)["mcp_servers"]["everyskill"]["env_vars"]
    assert set(named) == {*VARIABLES.values(), "EVERYSKILL_HOME"}


# Parts of files.


@pytest.fixture
def registry(tmp_path: Path):
    opened = make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)
    folder = write_skill(tmp_path, text="aé€😀" * 3, empty="")
    (folder / "bytes").write_bytes(b"\xff" + "é".encode() * 5)
    publish(opened, [folder], PublishOptions())
    yield opened
    opened.close()


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_parts_make_the_whole(registry, limit):
    for path, size in (("text", 30), ("empty", 0), ("bytes", 11)):
        place: int | None = 0
        parts = []
        while place is not None:
            part = get(registry, Reference("demo"), path, place, limit)
            assert part.offset == place
            place = part.next
            parts.append(part.text if part.text is not None else part.base64)
        assert len(parts) <= size + 1
        assert path != "text" or "".join(parts) == "aé€😀" * 3
        end = get(registry, Reference("demo"), path, size, limit)
        assert (end.text or end.base64 or "", end.next) == ("", None)
        with pytest.raises(UsageError):
            get(registry, Reference("demo"), path, size + 1, limit)


def test_a_large_skill_fits_into_what_clients_show(registry, tmp_path):
    """Of 602 files, and a SKILL.md of 100 kB; Claude Code cuts off after 50,000 characters."""
    folder = write_skill(tmp_path, "large", body="It is large.\n" * 8000)
    for number in range(601):
        (folder / f"a-file-of-many-{number}.md").write_text(f"{number}\n")
    publish(registry, [folder], PublishOptions())
    said = get(registry, Reference("large"))
    assert len(document(render.to_json(said))) < 50_000
    assert (said.file_count, len(said.files), said.file.path) == (602, 50, "SKILL.md")
    assert said.next is not None and 24_000 < said.next <= 24 * 1024
    assert get(registry, Reference("large"), "a-file-of-many-7.md").file_count == 602


def test_pages_hold_everything_once(registry, tmp_path):
    """By the cursor, also past skills that publish nothing or are none of the extension's."""
    (tmp_path / "note.txt").write_text("A note.\n")
    publish(registry, [tmp_path / "note.txt"], PublishOptions())
    publish(registry, [write_skill(tmp_path, "draft")], PublishOptions(draft=True))
    publish(registry, [write_skill(tmp_path, "other")], PublishOptions())
    for listing, key, wanted in (
        (resources.listing, "resources", ["demo", "note", "other"]),
        (skills.listing, "skills", ["demo", "other"]),
    ):
        found: list[str] = []
        cursor: str | None = None
        for _ in range(4):
            page = listing(registry, cursor, 1)
            found += [each["uri"].split("/")[2] for each in page[key]]
            cursor = page.get("nextCursor")
        assert (found, cursor) == (wanted, None)
        with pytest.raises(UsageError):
            listing(registry, "/nowhere", 1)


def publish_head(registry: Registry, parent: Path, name: str, *lines: str) -> None:
    """Publish a skill with some more lines of frontmatter."""
    folder = write_skill(parent, name)
    head = "\n".join(("---", f"name: {name}", "description: What it does.", *lines, "---", "# It"))
    (folder / "SKILL.md").write_text(head)
    publish(registry, [folder], PublishOptions())


def test_what_breaks_the_specification_is_not_listed(registry, tmp_path):
    """By what other programs read: one wrong entry makes a strict client drop the whole page."""
    publish_head(registry, tmp_path, "right", "license: '2'", "metadata: {v: '1.0'}", "level: 2")
    wrong = {
        "number": ("license: 2", "the license is not a text."),
        "nested": ("metadata: {v: 1.0}", "metadata.v is not a text."),
        "nothing": ("license:", "the license is not a text."),
        "tools": ("allowed-tools: true", "allowed-tools is not a text"),
    }
    for name, (line, _) in wrong.items():
        publish_head(registry, tmp_path, name, line)
    listed = skills.listing(registry, None)["skills"]
    assert [each["frontmatter"]["name"] for each in listed] == ["demo", "right"]
    for name, (_, why) in wrong.items():
        with pytest.raises(NotFound, match=f"{name}@1 is no skill of the Skills extension: {why}"):
            skills.one(registry, f"skill://{name}/SKILL.md")
        assert "# It" in str(resources.reading(registry, f"skill://{name}/SKILL.md"))


def test_a_store_that_is_away_is_no_registry_without_skills(registry, tmp_path):
    publish_head(registry, tmp_path, "other", "level: 2")
    store = tmp_path / "store"
    store.rename(tmp_path / "away")
    registry.close()
    registry.__dict__.pop("store")
    with pytest.raises(NotReady):
        skills.listing(registry, None)
    (tmp_path / "away").rename(store)
    assert len(skills.listing(registry, None)["skills"]) == 2


TYPES = {
    "SKILL.md": "text/markdown",
    "a.tar.gz": None,
    "a.ts": None,
    "a.csv": "text/csv",
    "a.png": "image/png",
    "no-end": None,
}


def test_a_type_is_the_same_on_every_machine_and_in_every_answer(registry, tmp_path, monkeypatch):
    mimetypes.init()  # makes the machine's table, which is another than the one of Python
    monkeypatch.setitem(mimetypes.types_map, ".ts", "text/vnd.trolltech.linguist")
    folder = write_skill(tmp_path, "typed", a="x")
    for name in TYPES.keys() - {"SKILL.md"}:
        (folder / name).write_bytes(b"\xff" if name in ("a.png", "a.tar.gz") else b"text\n")
    publish(registry, [folder], PublishOptions())
    for found in resources.directory(registry, "skill://typed")["resources"]:
        [content] = resources.reading(registry, found["uri"])["contents"]
        known = TYPES.get(found["name"])
        assert found.get("mimeType") == known
        unknown = "text/plain" if "text" in content else "application/octet-stream"
        assert content["mimeType"] == known or unknown


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        (
            "skill://note.1/note/note.txt",
            "note@1 are at skill://note.1/PATH: skill://note.1/note.txt",
        ),
        ("skill://note/SKILL.md", "note@1 are at skill://note/PATH: skill://note/note.txt"),
        ("skill://other/SKILL.md", "skill://other/demo/PATH: skill://other/demo/SKILL.md"),
        ("skill://other/empty", "skill://other/demo/PATH: skill://other/demo/empty"),
        ("skill://other.1/empty", "skill://other.1/demo/PATH: skill://other.1/demo/empty"),
        ("skill://other/demo/nothing", "skill://other/demo/PATH: skill://other/demo/SKILL.md"),
    ],
)
def test_a_wrong_address_is_answered_with_the_right_one(registry, tmp_path, uri, meant):
    (tmp_path / "note.txt").write_text("A note.\n")
    publish(registry, [tmp_path / "note.txt"], PublishOptions())
    publish(registry, [write_skill(tmp_path, empty="")], PublishOptions(slug="other"))
    for asked in (resources.reading, resources.directory, skills.one):
        with pytest.raises(NotFound) as failed:
            asked(registry, uri)
        assert failed.value.hint.endswith(meant)
        right = failed.value.hint.rpartition(" ")[2]
        assert resources.reading(registry, right)["contents"][0]["uri"] == right


def test_a_slash_at_the_end_of_a_folder_means_the_same(registry, tmp_path):
    folder = write_skill(tmp_path, "inner", a__b="x")
    publish(registry, [folder], PublishOptions(slug="other"))
    for root in ("skill://other/inner", "skill://other.1/inner"):
        names = [each["name"] for each in resources.directory(registry, root)["resources"]]
        assert names == ["SKILL.md", "a"]
        for uri in (root, f"{root}/a"):
            assert resources.directory(registry, f"{uri}/") == resources.directory(registry, uri)
            for bad in (f"{uri}//", f"{root}/SKILL.md/"):
                with pytest.raises(NotFound):
                    resources.directory(registry, bad)
        with pytest.raises(NotFound):
            resources.reading(registry, f"{root}/SKILL.md/")


def test_rows_that_were_changed_are_not_offered(registry, tmp_path):
    """What is not what was published is passed by in lists, and named to who asks for it."""
    publish(registry, [write_skill(tmp_path, "other")], PublishOptions())
    registry.close()
    registry.__dict__.pop("database")
    loosen(tmp_path / "registry.db")
    for column, value in (("description", "Another."), ("created_at", "yesterday")):
        with unchecked(tmp_path / "registry.db") as connection:
            statement = f"UPDATE skill_versions SET {column} = ? WHERE name = 'demo'"
            assert connection.execute(statement, (value,)).rowcount == 1
        found, after = list_published(registry, 10, None)
        assert ([pin.slug for pin in found], after) == (["other"], None)
        with pytest.raises(IntegrityFailure):
            hold(registry, Reference("demo"))
