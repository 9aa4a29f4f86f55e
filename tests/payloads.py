"""Texts that act on a terminal, hide, reorder or forge text, and how to see them in an output."""

from __future__ import annotations

import re

PAYLOADS = {
    "colour": "\x1b[31mred\x1b[0m",
    "clear-screen": "\x1b[2J\x1b[H",
    "cursor-up": "\x1b[1A\x1b[2Kgone",
    "title": "\x1b]0;owned\x07",
    "title-st": "\x1b]2;owned\x1b\\",
    "hyperlink": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "device-status": "\x1b[6n",
    "device-control": "\x1bP$q\x22p\x1b\\",
    "application-program": "\x1b_hidden\x1b\\",
    "alternate-screen": "\x1b[?1049h",
    "charset": "\x1b(0lqqk\x0e",
    "reset": "\x1bc",
    "c1-csi": "\x9b31mred",
    "c1-osc": "\x9d0;owned\x9c",
    "next-line": "one\x85two",
    "overwrite": "good\rbad",
    "backspace": "good\b\b\b\bevil",
    "bell": "ding\x07",
    "nul": "a\x00b",
    "delete": "a\x7fb",
    "vertical": "a\x0bb\x0cc",
    "separators": "a\x1cb\x1dc\x1ed\x1fe",
    "bidi-override": "\u202egnp.exe\u202c",
    "bidi-isolate": "\u2066a\u2069\u2067b\u2069\u2068c",
    "bidi-marks": "a\u200eb\u200fc\u061cd",
    "tags": "hi\U000e0001\U000e0069\U000e0067\U000e007f",
    "zero-width": "pay\u200bpal\u2060\ufeffx\u00ady",
    "lonely-joiner": "pay\u200dpal\u200c",
    "selectors": "a\ufe0fb\U000e0100c\ufe00",
    "fillers": "a\u3164b\u115fc\uffa0d\u034f",
    "line-separator": "one\u2028two\u2029three",
    "surrogate": "file\udcff\ud83d",
    "noncharacter": "a\uffffb\ufdd0c",
    "zalgo": "z" + "\u0301" * 60,
    "newline": "slug\nerror: forged\nwarning: forged",
    "crlf": "slug\r\nforged: yes",
    "tab": "a\tb",
    "markup": "[bold red]x[/] [link=https://evil.example]y[/link] [/]",
    "emoji-code": ":warning: :smile:",
    "wide": "日本語の説明文です" * 9,
    "emoji": "👩\u200d💻 ⚠\ufe0f 1\ufe0f\u20e3 🏴",
    "persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "long": "x" * 300,
    "shell": "$(rm -rf ~); `x` 'y' \"z\"",
}
HARMLESS = ("emoji", "persian")  # their invisible characters are spelling
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)
