"""The published text of a version on a terminal: rendered so that nothing in it is hidden.

Markdown's own ways to hide text are switched off: HTML (and with it comments), character
references, link definitions and images stand there as written, and a link shows its address.
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
    from markdown_it.token import Token

_THEME: Final = "ansi_dark"  # the terminal's own colours
_FRONTMATTER: Final = re.compile(r"\A---\n(.*?\n)?---(?:\n|\Z)", re.DOTALL)
_LANGUAGES: Final = {
    "application/json": "json",
    "application/yaml": "yaml",
    "application/toml": "toml",
}
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
    console.print(_markdown(text))


def _markdown(text: str) -> RenderableType:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    parser.disable(["entity", "reference", "image", "html_block", "html_inline"])
    rendered = Markdown("", code_theme=_THEME, hyperlinks=False)
    rendered.parsed = parser.parse(text)
    for token in rendered.parsed:
        _make_visible(token)
    return rendered


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
