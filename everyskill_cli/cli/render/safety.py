r"""What may reach a terminal: the one rule, for text and for JSON.

A skill, a comment, a file name or a server's answer may hold characters that move the cursor,
set the title, write the clipboard, reorder or hide text. Each becomes its escape (``\x1b``,
``\u202e``, ``\U000e0041``), so that a reader sees that it is there. Printable ASCII, which is most
of what is printed, passes without loading the tables that tell (``escapes``).
"""

from __future__ import annotations


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""Make every character that could act on a terminal, hide or reorder text an escape.

    Emoji sequences and the joiners that Arabic and Indic scripts are written with stay. More
    than five combining marks on one character become escapes too. Applying it twice changes
    nothing more. A literal backslash stays one: the result is for eyes, not to be read back.

    Args:
        text: anything, lone surrogates of undecodable file names included.
        keep_newlines: keep line breaks (``\r\n`` as ``\n``) and turn tabs into spaces; without
            it the result is one line.

    """
    if text.isascii() and (text.replace("\n", "") if keep_newlines else text).isprintable():
        return text
    from everyskill_cli.cli.render import escapes

    if keep_newlines:
        return escapes.in_lines(text.replace("\r\n", "\n")).expandtabs(4)
    return escapes.in_line(text)


def visible_lines(text: str) -> str:
    r"""Make visible what may not stand in lines; line feeds and tabs stay, a CR becomes ``\r``."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    from everyskill_cli.cli.render import escapes

    return escapes.in_lines(text)


def visible_json(document: str) -> str:
    r"""Write the same characters of a JSON text as ``\uXXXX``, which every parser reads back."""
    if document.isascii() and "\x7f" not in document:
        return document  # JSON has escaped the other control characters itself
    from everyskill_cli.cli.render import escapes

    return escapes.in_json(document)
