"""The SDK's server: which methods it answers, and how answers and errors become its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from everyskill_cli.errors import EveryskillError, NotFound, UsageError
from everyskill_cli.mcp import arguments, resources, schemas, skills
from everyskill_cli.mcp.desk import Desk
from everyskill_cli.mcp.sending import Wrapping
from everyskill_cli.mcp.tools import UNTRUSTED, Tool, tools
from everyskill_cli.model import JsonObject
from everyskill_cli.registry import Registry

INSTRUCTIONS: Final = (
    "A registry of agent skills: folders with a SKILL.md that say how to do a kind of"
    " work. Find one (search, list, show), get its SKILL.md and its files (get: verified), follow"
    " it, record that you used it (use), and rate it once you know whether it helped (rate). Where"
    " an answer names a command, such as everyskill show demo, the tool of that name does the same;"
    " a command that no tool has is for your user to type. " + UNTRUSTED
)

LINES_MAX: Final = 20  # of what was not done, in the text that every client shows


def make_server(desk: Desk, *, allow_publish: bool) -> Server[Any]:
    """Make a server with the tools, the resources and the Skills extension."""
    from importlib.metadata import version

    server: Server[Any] = Server(
        "everyskill",
        version=version("everyskill"),
        title="everyskill",
        instructions=INSTRUCTIONS,
    )
    counter = Counter(desk, tools(allow_publish=allow_publish))
    server.add_request_handler("tools/list", types.PaginatedRequestParams, counter.list_tools)
    server.add_request_handler("tools/call", types.CallToolRequestParams, counter.call_tool)
    shelf = Shelf(desk)
    paged, named = types.PaginatedRequestParams, types.ReadResourceRequestParams
    server.add_request_handler("resources/list", paged, shelf.list_resources)
    server.add_request_handler("resources/templates/list", paged, shelf.list_templates)
    server.add_request_handler("resources/read", named, shelf.read_resource)
    server.add_request_handler("resources/directory/read", named, shelf.read_directory)
    server.add_request_handler("skills/list", paged, shelf.list_skills)
    server.add_request_handler("skills/get", named, shelf.get_skill)
    server.extensions[skills.EXTENSION] = {"directoryRead": True}
    return server


class Counter:
    """The tools, over the counter."""

    def __init__(self, desk: Desk, known: dict[str, Tool]) -> None:
        self._desk = desk
        self._pen = desk.pen
        self._wrap = Wrapping(desk.pen.lines).wrap
        self._tools = known

    async def list_tools(self, _context: Any, _params: Any) -> types.ListToolsResult:
        """Say what there is; it is one page."""
        return types.ListToolsResult(tools=[said_of(tool) for tool in self._tools.values()])

    async def call_tool(
        self, _context: Any, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Do what a tool does; what goes wrong is its result, so that a model reads it."""
        tool = self._tools.get(params.name)
        if tool is None:
            raise _protocol_error(self._desk, _no_tool(params.name, list(self._tools)))
        try:
            given = arguments.read(tool.name, tool.takes, params.arguments or {})
            access = tool.access_for(given)
            return await self._desk.do(lambda registry: self._done(registry, tool, given), access)
        except EveryskillError as error:
            return self._failure(error)

    def _done(
        self, registry: Registry, tool: Tool, given: Mapping[str, Any]
    ) -> types.CallToolResult:
        """Do it, and write the answer, in the thread of the request."""
        answer = tool.run(registry, given)
        said = self._wrap(self._pen.answer(answer), tool.exact)
        problem = tool.verdict(answer)
        if problem is not None:
            return self._failure(problem, tool.undone(answer), said)
        text = _text(self._pen.document(said))
        return types.CallToolResult(content=[text], structured_content=said)

    def _failure(
        self,
        error: EveryskillError,
        undone: Sequence[str] = (),
        answer: JsonObject | None = None,
    ) -> types.CallToolResult:
        """Give our sentence, what was not done and the hint; behind them the same as JSON.

        All of it is text: clients hold structured content to the schema of a success, errors too.
        """
        lines = (error.message, *_cut(undone), error.hint)
        content = [_text("\n".join(self._pen.visible(line) for line in lines if line))]
        for said in (self._wrap(self._pen.error(error)), answer):
            if said is not None:
                content.append(_text(self._pen.document(said)))
        return types.CallToolResult(content=content, is_error=True)


class Shelf:
    """The resources, and the skills among them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wrap = Wrapping(desk.pen.lines).wrap

    async def list_resources(
        self, _context: Any, params: types.PaginatedRequestParams
    ) -> JsonObject:
        """Give a page of main files."""
        return await self._do(lambda registry: resources.listing(registry, params.cursor))

    async def list_templates(self, _context: Any, _params: Any) -> JsonObject:
        """Say how addresses are made."""
        return _whole(resources.templates())

    async def read_resource(
        self, _context: Any, params: types.ReadResourceRequestParams
    ) -> JsonObject:
        """Give a file, verified."""
        return await self._do(
            lambda registry: resources.reading(registry, params.uri), resources.EXACT
        )

    async def read_directory(
        self, _context: Any, params: types.ReadResourceRequestParams
    ) -> JsonObject:
        """Give what lies directly in a folder of a version."""
        return await self._do(lambda registry: resources.directory(registry, params.uri))

    async def list_skills(self, _context: Any, params: types.PaginatedRequestParams) -> JsonObject:
        """Give a page of skills, each with its frontmatter and the digests of its files."""
        return await self._do(
            lambda registry: skills.listing(registry, params.cursor), skills.EXACT
        )

    async def get_skill(self, _context: Any, params: types.ReadResourceRequestParams) -> JsonObject:
        """Give one skill."""
        return await self._do(lambda registry: skills.one(registry, params.uri), skills.EXACT)

    async def _do(
        self, work: Callable[[Registry], JsonObject], exact: frozenset[str] = frozenset()
    ) -> JsonObject:
        try:
            found: JsonObject = await self._desk.do(
                lambda registry: self._wrap(work(registry), exact)
            )
        except EveryskillError as error:
            raise _protocol_error(self._desk, error) from error
        return _whole(found)


def _whole(found: JsonObject) -> JsonObject:
    """Make a result whole: it is of this moment, and nobody may keep it."""
    return {"ttlMs": 0, "cacheScope": "private", "resultType": "complete", **found}


def said_of(tool: Tool) -> types.Tool:
    """Say what a tool is, to a client and to the model."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.about,
        input_schema=arguments.schema_of(tool.takes),
        output_schema=schemas.schema_of(tool.answer),
        annotations=types.ToolAnnotations(
            read_only_hint=tool.access == "read",
            destructive_hint=tool.is_final,
            idempotent_hint=tool.again,
            open_world_hint=True,  # other people wrote what is read, and see what is written
        ),
    )


def _cut(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - LINES_MAX
    return [*lines[:LINES_MAX], *([f"And {rest:,} more, all below."] if rest > 0 else [])]


def _text(text: str) -> types.ContentBlock:
    return types.TextContent(type="text", text=text)


def _no_tool(name: str, known: list[str]) -> UsageError:
    hint = f"There are: {', '.join(known)}"
    if name == "publish":
        hint = "Who runs the server may allow it: everyskill mcp --allow-publish"
    return UsageError(f"There is no tool {name!a:.80} here.", hint)


def _protocol_error(desk: Desk, error: EveryskillError) -> MCPError:
    """Say an error where the protocol has no result for it: what does not exist, and all else."""
    is_asked_wrongly = isinstance(error, NotFound | UsageError)
    code = types.INVALID_PARAMS if is_asked_wrongly else types.INTERNAL_ERROR
    sentence = " ".join(desk.pen.visible(part) for part in (error.message, error.hint) if part)
    return MCPError(code, sentence, Wrapping(desk.pen.lines).wrap(desk.pen.error(error)["error"]))
