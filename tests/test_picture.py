"""The picture in the README shows what the program prints today."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.samples import ROOT, picture

PICTURE = ROOT / "docs/show.svg"


def test_the_picture_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/picture.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_picture_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = picture()
    main = names["main"]
    copy = tmp_path / "show.svg"
    monkeypatch.setitem(main.__globals__, "PICTURE", copy)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert names["fingerprint"](copy.read_text(encoding="utf-8"))
    monkeypatch.setitem(main.__globals__, "WIDTH", 90)
    assert main(["--check"]) == 1


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    shown = "".join(ET.fromstring(text).itertext()).replace("\u00a0", " ")
    assert "everyskill rate code-review 5" in shown
    assert text.count("http") == text.count("http://www.w3.org/2000/svg")
