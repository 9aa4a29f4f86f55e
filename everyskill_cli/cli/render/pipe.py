"""The writer for pipes: plain lines that stay the same, without rich (46 ms of CPU).

``key: value`` lines, and tab-separated rows without a header; nothing is shortened. Keys and
columns are the names of ``--json`` (docs/json.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from everyskill_cli.cli.render.blocks import Block, Change, Fields, Headline, Listing, Side, Table


def text_of(blocks: Iterable[Block]) -> str:
    """Write blocks as lines; an empty line stands between them, but not behind a headline."""
    stanzas: list[str] = []
    follows_headline = False
    for block in blocks:
        stanza = "".join(f"{line}\n" for line in _lines(block))
        if not stanza:
            continue
        if stanzas and not follows_headline:
            stanzas.append("\n")
        stanzas.append(stanza)
        follows_headline = isinstance(block, Headline | Change)
    return "".join(stanzas)


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Headline() if block.words.plain:
            yield block.words.plain
        case Fields() if block.place != "screen":
            for field in block.items:
                if field.value is not None and field.value.plain:
                    yield f"{field.name}: {field.value.plain}"
        case Table() if block.place != "screen":
            yield from _rows(block)
        case Change() | Listing():
            yield from _listed(block)
        case Side():
            yield from _lines(block.left)
            yield from _lines(block.right)


def _listed(block: Change | Listing) -> Iterator[str]:
    yield from (words.plain for words in block[0])
    if isinstance(block, Change):
        yield from block.patch.lines


def _rows(table: Table) -> Iterator[str]:
    kept = [n for n, column in enumerate(table.columns) if column.place != "screen"]
    before = f"{table.key}:\t" if table.key else ""
    for row in table.rows:
        yield before + "\t".join(row[n].plain for n in kept)
