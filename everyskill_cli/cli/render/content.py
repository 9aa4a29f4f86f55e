"""The published text of a version on a terminal: rendered so that nothing in it is hidden.

Markdown's own ways to hide text are switched off: HTML (and with it comments), character
references, link definitions and images stand there as written, and a link shows its address. Where
a letter would still be lost (nesting that is too deep, a link's title, cells without a column),
the text is shown as it was written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from everyskill_cli.cli.render.safety import visible
from everyskill_cli.cli.render.screen import console_for
from everyskill_cli.model import CONTENT_MAX, ShowAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

_THEME: Final = "ansi_dark"  # the terminal's own colours
_FRONTMATTER: Final = re.compile(r"\A---\n(.*?\n)?---(?:\n|\Z)", re.DOTALL)
_LANGUAGES: Final = {
    "application/json": "json",
    "application/yaml": "yaml",
    "application/toml": "toml",
}
_LANGUAGE: Final = re.compile(r"[\w.+#-]{0,20}")
_COLUMNS_MAX: Final = 12  # a wider table has no room for its letters
_MARKDOWN: Final = ("text/markdown", "application/zip")  # a bundle's text is its SKILL.md


def text_of(value: ShowAnswer, stream: TextIO) -> str:
    """Draw the text that ``show --content`` fetched for a stream; the caller writes it there."""
    console = console_for(stream)
    with console.capture() as captured:
        _draw(console, value)
    return captured.get()


def _draw(console: Console, value: ShowAnswer) -> None:
    """Draw by type; a very long text as it is."""
    shown = visible(value.text or "", keep_newlines=True)
    kind = value.version.content_type.partition(";")[0]
    if len(shown) > CONTENT_MAX:
        console.print(Text(shown))
    elif kind in _MARKDOWN:
        _draw_markdown(console, shown)
    elif kind in _LANGUAGES:
        console.print(_code(shown, _LANGUAGES[kind]))
    else:
        console.print(Text(shown))


def _code(text: str, language: str) -> RenderableType:
    return Syntax(text, language, theme=_THEME, background_color="default", word_wrap=True)


def _draw_markdown(console: Console, text: str) -> None:
    head = _FRONTMATTER.match(text)
    if head is not None:
        console.print(Padding(Text(head.group().strip(), "dim"), (0, 0, 1, 0)))
        text = text[head.end() :]
    tokens = _parsed(text)
    if _letters("".join(_said(tokens))) != _letters(text):
        console.print(_code(text, "markdown"))
        return
    rendered = Markdown("", code_theme=_THEME, hyperlinks=False)
    rendered.parsed = tokens
    console.print(rendered)


def _parsed(text: str) -> list[Token]:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    parser.disable(["entity", "reference", "image", "html_block", "html_inline"])
    tokens = parser.parse(text)
    for token in tokens:
        _make_visible(token)
    return tokens


def _make_visible(token: Token) -> None:
    """Filter again what the parser decoded: addresses and the names of languages."""
    token.content = visible(token.content, keep_newlines=True)
    token.info = visible(token.info)
    token.attrs = {
        name: visible(value) if isinstance(value, str) else value
        for name, value in token.attrs.items()
    }
    for child in token.children or ():
        _make_visible(child)


def _said(tokens: list[Token]) -> Iterator[str]:
    """Give, in order, what rich prints of a document, and the languages of its code blocks."""
    address = ""
    columns = 0
    for token in tokens:
        columns = 0 if token.type == "tr_open" else columns + (token.type == "th_open")
        if columns > _COLUMNS_MAX:
            return
        match token.type:
            case "inline":
                yield from _said(token.children or [])
            case "fence":
                yield token.info if _LANGUAGE.fullmatch(token.info.strip()) else ""
                yield token.content
            case "link_open":
                address = "" if token.info == "auto" else str(token.attrs.get("href", ""))
            case "link_close":
                yield address
            case _:
                yield token.content


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))
