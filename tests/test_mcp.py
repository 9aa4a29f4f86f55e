"""``everyskill mcp``: the real program on the SDK's own client over stdio, on both databases."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import PaginatedRequestParams, ReadResourceRequestParams, Request, Result
from pydantic import ConfigDict
from sqlalchemy import text

from everyskill_cli.model import Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.releasing.release import yank
from everyskill_cli.registry.show import show
from everyskill_cli.stores import content_key
from tests.audit import audit_records
from tests.commands import PROGRAM
from tests.conftest import Everyskill
from tests.registries import make_registry, write_skill

SECONDS = 120.0  # after which a session that hangs fails
EXTENSION = "io.modelcontextprotocol/skills"
BINARY = bytes(range(256))
HIDDEN = "plain \u202e hidden \x1b[31m\n\tand \U000e0041 tags \U0001f9d1\u200d\U0001f680"
SHOWN = "plain \\u202e hidden \\x1b[31m\n\tand \\U000e0041 tags \U0001f9d1\u200d\U0001f680"
UMLAUTS = "größer " * 1000


class ListSkills(Request[PaginatedRequestParams, Literal["skills/list"]]):
    method: Literal["skills/list"] = "skills/list"


class GetSkill(Request[ReadResourceRequestParams, Literal["skills/get"]]):
    method: Literal["skills/get"] = "skills/get"


class ReadDirectory(Request[ReadResourceRequestParams, Literal["resources/directory/read"]]):
    method: Literal["resources/directory/read"] = "resources/directory/read"


class Anything(Result):
    """A result of a method that the SDK does not know."""

    model_config = ConfigDict(extra="allow")


class Session:
    """A client with a server of its own.

    Attributes:
        client: the SDK's.
        registry: what the server serves, opened here as well.
        program: the command line.
    """

    def __init__(self, client: Client, registry: Registry, program: Everyskill) -> None:
        self.client = client
        self.registry = registry
        self.program = program

    def printed(self, *words: str) -> Any:
        """What a command of the same registry prints."""
        return self.program(*words, "--json", env=environment(self.registry)).json

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool that succeeds; what it says twice is the same."""
        done = await self.client.call_tool(tool, arguments)
        [said] = done.content
        assert not done.is_error, said
        assert json.loads(said.text) == done.structured_content
        return done.structured_content

    async def refused(self, tool: str, **arguments: Any) -> Any:
        """Call a tool that fails: a sentence and a hint, and the same as JSON, all of it text.

        Some clients hold structured content to the schema of a success, in errors as well.
        """
        done = await self.client.call_tool(tool, arguments)
        assert done.is_error and done.structured_content is None
        said, document = done.content
        error = json.loads(document.text)["error"]
        sentence, *hint = said.text.split("\n")
        assert sentence.endswith((".", ")", "?")), sentence
        assert len(hint) == bool(error["hint"])
        assert "Traceback" not in done.content[0].text
        return error

    async def ask(self, request: Any, name: str) -> Any:
        """Send a request of the Skills extension."""
        if isinstance(request, type) and request is ListSkills:
            params: Any = PaginatedRequestParams(cursor=name or None)
        else:
            params = ReadResourceRequestParams(uri=name)
        done = await self.client.session.send_request(request(params=params), Anything)
        said = done.model_dump(by_alias=True)
        assert (said["ttlMs"], said["cacheScope"]) == (0, "private")
        return said

    async def no_resource(self, uri: str, code: int = -32602) -> MCPError:
        """Read a resource that cannot be had."""
        with pytest.raises(MCPError) as failed:
            await self.client.read_resource(uri)
        assert failed.value.code == code
        assert "Traceback" not in failed.value.message
        return failed.value


@asynccontextmanager
async def session(
    registry: Registry, tmp_path: Path, program: Everyskill, *options: str, mode: str = "auto"
) -> AsyncIterator[Session]:
    """Start a server on a registry; nothing is said on stderr, whatever happens."""
    heard = tmp_path / "stderr"
    parameters = StdioServerParameters(
        command=PROGRAM[0], args=[*PROGRAM[1:], "mcp", *options], env=environment(registry)
    )
    with heard.open("w") as errors:
        async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
            yield Session(client, registry, program)
    assert heard.read_text() == ""


def environment(registry: Registry) -> dict[str, str]:
    return {
        **os.environ,
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
        "EVERYSKILL_USER": "bot@example.org",
    }


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Tell a story to its end, or fail where it hangs."""

    async def told() -> None:
        await asyncio.wait_for(story(), SECONDS)

    asyncio.run(told())


@pytest.fixture
def registry(database_url: str, tmp_path: Path) -> Iterator[Registry]:
    """`demo` with two versions and files of all kinds, `other` by another name, a text, a draft."""
    opened = make_registry(database_url, tmp_path)
    publish(opened, [write_skill(tmp_path, body="one")], PublishOptions())
    folder = write_skill(tmp_path, body="two", a__long=UMLAUTS, a__b__note="A note.\n")
    (folder / "bytes").write_bytes(BINARY)
    head = f"---\nname: demo\ndescription: Shows {HIDDEN[:6]}.\nlevel: 1.10\nof: '2'\n---\n"
    (folder / "SKILL.md").write_text(head + "# Demo\n", encoding="utf-8")
    publish(opened, [folder], PublishOptions())
    publish(opened, [write_skill(tmp_path, "inner")], PublishOptions(slug="other"))
    note = tmp_path / "note.txt"
    note.write_text("A note for nobody.\n")
    publish(opened, [note], PublishOptions())
    publish(opened, [write_skill(tmp_path, "unborn")], PublishOptions(draft=True))
    yield opened
    audit_records(opened.database)
    opened.close()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("show", {}),
    ("show", {"skill": "Demo"}),
    ("show", {"skill": 1}),
    ("show", {"skill": "demo@0"}),
    ("show", {"skill": "demo", "files": True}),
    ("show", {"skill": "demo", "\u202e": 1}),
    ("get", {"skill": "demo", "offset": -1}),
    ("get", {"skill": "demo", "limit": 10**30}),
    ("get", {"skill": "demo", "offset": 10**6}),
    ("search", {}),
    ("search", {"words": "..."}),
    ("search", {"words": ["demo"]}),
    ("search", {"words": "demo", "tags": "x"}),
    ("search", {"words": "demo", "tags": ["A"]}),
    ("search", {"words": "demo", "min_rating": 5.5}),
    ("search", {"words": "demo", "min_rating": "4"}),
    ("search", {"words": "demo", "after": "nowhere"}),
    ("list", {"sort": ["rating"]}),
    ("list", {"limit": True}),
    ("list", {"after": "nowhere"}),
    ("rate", {"skill": "demo"}),
    ("rate", {"skill": "demo", "stars": 6}),
    ("rate", {"skill": "demo", "stars": "5"}),
    ("rate", {"skill": "demo", "stars": 2.5}),
    ("rate", {"skill": "demo", "stars": 5, "remove": True}),
    ("rate", {"skill": "demo", "stars": 5, "comment": "x" * 2001}),
    ("rate", {"skill": "demo", "stars": 5, "hours_saved": 1001}),
    ("use", {"skill": "demo", "external_id": ""}),
    ("use", {"skill": "demo", "external_id": "a\nb"}),
    ("use", {"skill": "demo", "external_id": "x" * 201}),
    ("use", {"skill": "demo\0"}),
    ("get", {"skill": "demo", "path": "SKILL.md\0"}),
    ("rate", {"skill": "demo", "stars": 5, "comment": "a\0b"}),
    ("search", {"words": "a\0b"}),
    ("search", {"words": "demo", "after": "1/0/demo\0"}),
    ("list", {"author": "\0"}),
    ("list", {"sort": "name", "after": "demo/de\0mo"}),
]
NOWHERE = (
    "skill://demo/../demo/SKILL.md",
    "skill://demo/%2e%2e/SKILL.md",
    "skill://demo/a%00b",
    "skill://demo/a\0b",
    "skill://demo\0/SKILL.md",
    "skill://demo//etc/passwd",
    "skill://demo@2/SKILL.md",
    "skill://demo.2/SKILL.md",
    "skill://demo.0/demo/SKILL.md",
    "skill://demo",
    "skill://",
    "skill:///SKILL.md",
    "file:///etc/passwd",
    "",
)


async def find(server: Session) -> None:
    known = {"sqlite": "2026-07-28", "postgresql": "2025-11-25"}
    assert server.client.protocol_version == known[server.registry.database.dialect]
    assert "such as everyskill show demo, the tool" in server.client.instructions
    known = (await server.client.list_tools()).tools
    assert [tool.name for tool in known] == ["search", "list", "show", "get", "rate", "use"]
    assert {tool.name for tool in known if tool.annotations.read_only_hint} == {
        "search",
        "list",
        "show",
        "get",
    }
    assert all(tool.output_schema for tool in known)  # which the client holds answers to
    assert all("data" in t.description for t in known if t.annotations.read_only_hint)
    page = await server.call("list", sort="name", limit=2)
    assert [item["slug"] for item in page["items"]] == ["demo", "note"]
    assert (
        page
        == server.program(
            "list", "--sort", "name", "-n", "2", "--json", env=environment(server.registry)
        ).json
    )
    found = await server.call("search", words="what inner does", limit=5)
    assert [(hit["slug"], hit["matched"]) for hit in found["items"]] == [("other", "text")]
    assert found == server.printed("search", "what", "inner", "does")
    assert (await server.call("search", words="iner"))["items"] == []
    wanted = {"author": "ANN@example.org", "min_rating": 4.5}
    assert (await server.call("list", **wanted))["items"] == []
    rest = await server.call("list", sort="name", limit=100, after=page["next"])
    assert [item["slug"] for item in rest["items"]] == ["other", "unborn"]
    shown = await server.call("show", skill="demo")
    assert shown == server.printed("show", "demo")


async def read(server: Session) -> None:
    first = await server.call("get", skill="demo")
    assert (first["version"], first["status"], first["next"]) == (2, "published", None)
    assert first["file"]["path"] == "SKILL.md"
    assert [f["path"] for f in first["files"]] == ["SKILL.md", "a/b/note", "a/long", "bytes"]
    assert digest(first["text"].encode()) == first["file"]["sha256"]
    for file in first["files"]:
        data = b""
        place: int | None = 0
        while place is not None:
            part = await server.call(
                "get", skill="demo@2", path=file["path"], offset=place, limit=5000
            )
            assert part["file"] == file and part["files"] == []
            data += (part["text"] or "").encode() or base64.b64decode(part["base64"] or "")
            place = part["next"]
        assert (digest(data), len(data)) == (file["sha256"], file["size"])
    assert (await server.call("get", skill="demo@1"))["version"] == 1
    assert (await server.call("get", skill="note"))["text"] == "A note for nobody.\n"
    assert (await server.refused("get", skill="unborn"))["code"] == 4
    assert (await server.call("get", skill="unborn@draft"))["status"] == "draft"
    inside = await server.refused("get", skill="demo", path="a/long", offset=3)
    assert (inside["code"], "character" in inside["message"]) == (2, True)


async def resources(server: Session) -> None:
    page = await server.client.list_resources()
    assert [str(found.uri) for found in page.resources] == [
        "skill://demo/SKILL.md",
        "skill://note/note.txt",
        "skill://other/inner/SKILL.md",
    ]
    assert page.resources[0].mime_type == "text/markdown"
    templates = (await server.client.list_resource_templates()).resource_templates
    assert "skill://{slug}/{+path}" in [each.uri_template for each in templates]
    for uri in ("skill://demo/bytes", "skill://demo.2/demo/bytes"):
        [content] = (await server.client.read_resource(uri)).contents
        assert base64.b64decode(content.blob) == BINARY
        assert content.meta["everyskill/digest"] == f"sha256:{digest(BINARY)}"
    [old] = (await server.client.read_resource("skill://demo.1/demo/SKILL.md")).contents
    assert "one" in old.text and old.meta["everyskill/version"] == 1
    top = await server.ask(ReadDirectory, "skill://demo")
    assert [(each["name"], each.get("mimeType")) for each in top["resources"]] == [
        ("SKILL.md", "text/markdown"),
        ("a", "inode/directory"),
        ("bytes", None),
    ]
    below = await server.ask(ReadDirectory, "skill://demo/a")
    assert [each["uri"] for each in below["resources"]] == [
        "skill://demo/a/b",
        "skill://demo/a/long",
    ]
    assert (await server.ask(ReadDirectory, "skill://other/inner"))["resources"][0]["uri"] == (
        "skill://other/inner/SKILL.md"
    )


async def skills(server: Session) -> None:
    declared = server.client.server_capabilities.extensions  # which the older handshake lacks
    is_new = server.client.protocol_version == "2026-07-28"
    assert declared == ({EXTENSION: {"directoryRead": True}} if is_new else None)
    found = (await server.ask(ListSkills, ""))["skills"]
    assert [each["uri"] for each in found] == [
        "skill://demo/SKILL.md",
        "skill://other/inner/SKILL.md",
    ]
    assert found[0]["frontmatter"] == {
        "name": "demo",
        "description": "Shows plain .",
        "level": 1.1,
        "of": "2",
    }
    for entry in found:
        assert entry == (await server.ask(GetSkill, entry["uri"]))["skill"]
        assert entry["uri"].split("/")[-2] == entry["frontmatter"]["name"]
        for file in entry["resources"]:
            [content] = (await server.client.read_resource(file["uri"])).contents
            is_text = hasattr(content, "text")
            data = content.text.encode() if is_text else base64.b64decode(content.blob)
            assert (f"sha256:{digest(data)}", len(data)) == (file["digest"], file["size"])
    pinned = (await server.ask(GetSkill, "skill://demo.1/demo/SKILL.md"))["skill"]
    assert pinned["resources"][0]["uri"] == "skill://demo.1/demo/SKILL.md"
    for uri in ("skill://note/note.txt", "skill://demo/a/long", "skill://absent/SKILL.md"):
        with pytest.raises(MCPError) as failed:
            await server.ask(GetSkill, uri)
        assert failed.value.code == -32602


async def rate_and_use(server: Session) -> None:
    rated = await server.call("rate", skill="demo", stars=4, comment=HIDDEN, hours_saved=3)
    assert (rated["status"], rated["results"][0]["version"]) == ("rated", 2)
    again = await server.call("rate", skill="demo", stars=5)
    assert again["results"][0]["rating"]["comment"] == SHOWN
    for status in ("recorded", "unchanged"):
        used = await server.call("use", skill="demo", external_id="session 1, use 1")
        assert (used["status"], used["results"][0]["tool_name"]) == (status, "mcp")
    shown = server.printed("show", "demo")
    [comment] = shown["comments"]
    assert (comment["user"], comment["rating"]) == ("bot@example.org", 5)
    assert comment["comment"] == HIDDEN
    comment["comment"] = SHOWN  # to a model, which would read it, and nobody beside it
    assert (shown["skill"]["total_uses"], shown["skill"]["hours_saved"]) == (1, 3)
    assert shown == await server.call("show", skill="demo")
    total = server.printed("stats", "demo")["total"]
    assert (total["uses"], total["rating_count"], total["hours_saved"]) == (1, 1, 3)
    said = (await server.client.call_tool("show", {"skill": "demo"})).content[0].text
    assert "\\u202e" in said and "\u202e" not in said and "\x1b" not in said
    yank(server.registry, Reference("demo", 1), reason="bad\u202e")
    server.registry.close()
    [warned] = (await server.call("get", skill="demo@1"))["warnings"]
    [old] = (await server.client.read_resource("skill://demo.1/demo/SKILL.md")).contents
    assert warned["message"] == "demo@1 was yanked: bad\\u202e."
    assert old.meta["everyskill/warnings"] == [warned["message"]]
    await server.call("rate", skill="demo", remove=True)
    assert (await server.refused("rate", skill="demo", remove=True))["type"] == "NotFound"


async def hostile(server: Session) -> None:
    for tool, arguments in WRONG:
        error = await server.refused(tool, **arguments)
        assert error["code"] == 2, (tool, arguments)
        assert "--" not in error["message"] + error["hint"]  # there is no command line here
    assert (await server.refused("get", skill="demo", path="../../etc/passwd"))["code"] == 4
    assert (await server.refused("get", skill="demo", path="a"))["code"] == 4
    assert (await server.refused("get", skill="demo@3"))["code"] == 4
    for uri in NOWHERE:
        nothing = await server.no_resource(uri)
        assert nothing.data["type"] == "NotFound", uri
    for cursor in ("nowhere", "a\0/b", "demo/de\0mo"):
        with pytest.raises(MCPError) as failed:
            await server.client.list_resources(cursor=cursor)
        assert (failed.value.code, failed.value.data["code"]) == (-32602, 2)
        with pytest.raises(MCPError) as failed:
            await server.ask(ListSkills, cursor)
        assert (failed.value.code, failed.value.data["code"]) == (-32602, 2)
    for unknown in ("publish", "\x1b[31m", "x" * 10_000):
        with pytest.raises(MCPError) as failed:
            await server.client.call_tool(unknown, {})
        assert (failed.value.code, len(failed.value.message) < 300) == (-32602, True)


async def at_once(server: Session) -> None:
    calls = [server.call("use", skill="demo@1", external_id=str(n % 5)) for n in range(10)]
    calls += [server.call("get", skill="demo", path="a/long") for _ in range(5)]
    done = await asyncio.gather(*calls)
    assert sum(each.get("status") == "recorded" for each in done) == 5
    assert (await server.call("show", skill="demo@1"))["summary"]["uses"] == 5


async def damaged(server: Session) -> None:
    shown = await server.call("show", skill="other")
    key = content_key(shown["version"]["content_hash"])
    stored = Path(server.registry.settings.store_url.removeprefix("file://")) / key
    right = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(right.replace(b"Do it", b"Do no"))
    error = await server.refused("get", skill="other")
    assert (error["type"], error["code"]) == ("IntegrityFailure", 7)
    failed = await server.no_resource("skill://other/inner/SKILL.md", -32603)
    assert failed.data["code"] == 7
    stored.write_bytes(right)
    assert "Do it" in (await server.call("get", skill="other"))["text"]
    yank(server.registry, Reference("other", 1), reason="bad")
    server.registry.close()
    gone = await server.call("get", skill="other@1")
    assert (gone["status"], gone["warnings"][0]["rule"]) == ("yanked", "yanked")
    for request, uri in (
        (GetSkill, "skill://other.1/inner/SKILL.md"),
        (ReadDirectory, "skill://other.1/inner"),
    ):
        said = (await server.ask(request, uri))["_meta"]["everyskill/warnings"]
        assert said == [gone["warnings"][0]["message"]]


async def changed(server: Session) -> None:
    """What dies or is upgraded meanwhile is said, and works again once it is there."""
    database = server.registry.database

    def revision(number: str) -> None:
        with database.writing() as tx:
            tx.execute(text("UPDATE everyskill_revision SET version_num = :n"), {"n": number})

    with database.reading() as tx:
        was = tx.scalar(text("SELECT version_num FROM everyskill_revision"))
    revision("9999")
    for tool in ("show", "use", "get"):
        assert (await server.refused(tool, skill="demo"))["type"] == "NotReady"
    failed = await server.no_resource("skill://demo/SKILL.md", -32603)
    assert failed.data["type"] == "NotReady"
    revision(was)
    if database.dialect == "postgresql":
        with database.reading() as tx:
            tx.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
    assert (await server.call("use", skill="demo"))["status"] == "recorded"


STORY = (find, read, resources, skills, rate_and_use, hostile, at_once, damaged, changed)


def test_a_client_finds_reads_verifies_rates_and_records(registry, tmp_path, everyskill, count):
    mode = "auto" if registry.database.dialect == "sqlite" else "legacy"  # both handshakes

    async def story() -> None:
        async with session(registry, tmp_path, everyskill, mode=mode) as server:
            for step in STORY:
                await step(server)

    run(story)
    count("MCP", stories=1, refused_calls=len(WRONG), refused_addresses=len(NOWHERE))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Registry]:
    opened = make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)
    yield opened
    opened.close()


def test_publish_only_where_it_was_allowed(empty, tmp_path, everyskill):
    folder = write_skill(tmp_path, body="new")
    bad = write_skill(tmp_path / "tree", "bad")
    (bad / "link").symlink_to("SKILL.md")
    write_skill(tmp_path / "tree", "good")

    async def story() -> None:
        async with session(empty, tmp_path, everyskill, "--allow-publish") as server:
            assert "publish" in [tool.name for tool in (await server.client.list_tools()).tools]
            await nothing_yet(server, folder)
            assert not empty.exists and not (tmp_path / "store").exists()
            done = await server.call("publish", path=str(folder), message="why", draft=True)
            assert (done["status"], done["results"][0]["version"]) == ("draft", 1)
            done = await server.call("publish", path=str(folder), expect=1)
            assert done["status"] == "promoted"
            assert (await server.call("publish", path=str(folder)))["status"] == "unchanged"
            assert (await server.refused("publish", path=str(folder), expect=7))["code"] == 5
            assert (await server.refused("publish", path=str(bad)))["code"] == 3
            for path in ("demo", "~/demo", str(tmp_path / "nothing"), "/\0", ""):
                assert (await server.refused("publish", path=path))["code"] == 2
            await half(server, tmp_path / "tree")

    run(story)
    shown = everyskill("versions", "demo", "--json", env=environment(empty)).json
    assert shown["items"][0]["message"] == "why"


async def nothing_yet(server: Session, folder: Path) -> None:
    """What leaves an empty registry as it is: not even there."""
    dry = await server.call("publish", path=str(folder), dry_run=True)
    assert dry["status"] == "would-publish"
    assert (await server.call("list"))["items"] == []
    assert (await server.refused("rate", skill="demo", stars=5))["code"] == 4
    assert (await server.refused("publish", path=str(folder), message="a\0b"))["code"] == 2


async def half(server: Session, tree: Path) -> None:
    """Publish of what the half is refused: the first text says which, the last is the answer."""
    done = await server.client.call_tool("publish", {"path": str(tree)})
    assert done.is_error and done.structured_content is None
    said, error, answer = (block.text for block in done.content)
    sentence, refused, hint = said.split("\n")
    assert sentence.startswith("1 of 2 skills was not published")
    assert refused.startswith(f"{tree / 'bad'}: ") and "symbolic link" in refused
    assert hint.startswith("Correct what is refused")
    assert json.loads(error)["error"]["code"] == 10
    results = json.loads(answer)["results"]
    assert [each["status"] for each in results] == ["refused", "published"]
    for n in range(30):
        (tree / f"bad-{n}").mkdir()
        (tree / f"bad-{n}" / "SKILL.md").write_bytes(b"\xff")
    done = await server.client.call_tool("publish", {"path": str(tree)})
    lines = done.content[0].text.split("\n")
    assert (len(lines), lines[-2]) == (23, "And 11 more, all below.")


# The process: what it says where, and how it ends.

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def greeted(everyskill: Any, registry: Registry) -> subprocess.Popen[str]:
    """Start a server that has answered."""
    process: subprocess.Popen[str] = everyskill.start("mcp", env=environment(registry))
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("no JSON\n\x1b[31m\n[[[\n" + json.dumps(HELLO) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert answer["result"]["serverInfo"]["name"] == "everyskill"
    return process


def say(process: subprocess.Popen[str], method: str, number: int = 2, **params: Any) -> None:
    """Send a request, or a notification, and do not wait."""
    assert process.stdin is not None
    request = {"jsonrpc": "2.0", "method": method, "params": params}
    if not method.startswith("notifications/"):
        request["id"] = number
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str], number: int) -> Any:
    """Read answers until the one to a request; to 1, that is a ping that is sent for it."""
    assert process.stdout is not None
    if number == 1:
        say(process, "ping", 1)
    while True:
        answer = json.loads(process.stdout.readline())
        if answer.get("id") == number:
            return answer["result"]


def test_how_it_ends(everyskill, empty, tmp_path):
    """With stdin, with Ctrl-C, with its reader: at once, in order, also while it waits for a lock.

    What waited is not done.
    """
    publish(empty, [write_skill(tmp_path)], PublishOptions())
    closed, stopped, unread = (greeted(everyskill, empty) for _ in range(3))
    with empty.database.writing() as tx:
        tx.execute(text("UPDATE skills SET category = NULL"))
        for waiting in (closed, stopped):
            say(waiting, "tools/call", name="use", arguments={"skill": "demo"})
            say(waiting, "ping")
            assert json.loads(waiting.stdout.readline())["result"] == {}
        begun = time.monotonic()
        stopped.send_signal(signal.SIGINT)
        answers, errors = closed.communicate(timeout=25)
        assert stopped.wait(25) == 0
        assert time.monotonic() - begun < 20  # and the lock is waited for 30
    assert (closed.returncode, errors, stopped.stderr.read()) == (0, "", "")
    assert all("Connection closed" in line for line in answers.splitlines())
    assert show(empty, Reference("demo")).skill.total_uses == 0
    unread.stdout.close()
    say(unread, "ping")
    assert unread.wait(25) == 0
    assert unread.stderr.read() == ""


def test_what_was_cancelled_before_it_began_is_not_done(everyskill, empty, tmp_path):
    """And what had begun holds its place until it is done, so there are never more than eight."""
    publish(empty, [write_skill(tmp_path)], PublishOptions())
    server = greeted(everyskill, empty)
    threads = Path(f"/proc/{server.pid}/task")
    before = len(list(threads.iterdir()))
    with empty.database.writing() as tx:
        tx.execute(text("UPDATE skills SET category = NULL"))
        for number in range(10, 70):
            say(server, "tools/call", number, name="use", arguments={"skill": "demo"})
        for number in range(10, 70):
            say(server, "notifications/cancelled", requestId=number)
        heard(server, 1)
        assert 8 <= len(list(threads.iterdir())) - before <= 8 + 1  # and one that writes answers
        say(server, "tools/call", 99, name="use", arguments={"skill": "demo"})
        heard(server, 1)
    heard(server, 99)  # it waited for one of the eight to end
    until = time.monotonic() + 20
    while uses(empty) < 9 and time.monotonic() < until:
        time.sleep(0.05)
    _, errors = server.communicate(timeout=25)
    assert (uses(empty), errors, server.returncode) == (9, "", 0)


def uses(registry: Registry) -> int:
    """How often `demo` was used."""
    return show(registry, Reference("demo")).skill.total_uses


def test_without_the_extra(everyskill, tmp_path):
    (tmp_path / "mcp").mkdir()
    (tmp_path / "mcp/__init__.py").write_text("raise ModuleNotFoundError('no mcp', name='mcp')\n")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    done = everyskill("mcp", env={"PYTHONPATH": path})
    assert (done.code, done.stdout) == (8, "")
    assert "pip install 'mcp>=2.3,<3'" in done.stderr
    assert "Traceback" not in done.stderr


def test_half_a_configuration(everyskill):
    done = everyskill("mcp", env={"R2_BUCKET_NAME": "skills"})
    assert (done.code, done.stdout) == (8, "")
    assert "Half a store" in done.stderr
