"""``--format sarif``: the answer of ``check`` for code scanning, as SARIF 2.1.0.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html defines it; what GitHub needs of
it: https://docs.github.com/code-security/reference/code-scanning/sarif-files/sarif-support.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from everyskill_cli.cli.render.remarks import Remark, from_root, remarks_of
from everyskill_cli.cli.render.rules import RULES
from everyskill_cli.cli.render.safety import visible

if TYPE_CHECKING:
    from everyskill_cli.model import CheckAnswer, JsonObject

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "everyskill/v1"

_ALLOWED_BY: Final = re.compile(r"--allow-secret ([0-9a-f]+)")
# Sections 3.11.5 and 3.11.6: braces hold placeholders, and brackets links.
_IN_MESSAGE: Final = str.maketrans({"[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})


def log_of(value: CheckAnswer) -> JsonObject:
    """Give an answer as a log of one run; what could not be read is a failure of that run."""
    from importlib.metadata import version  # slow, and no other answer needs it

    remarks = remarks_of(value)
    found = [remark for remark in remarks if remark.status != "failed"]
    rules = sorted({remark.rule for remark in found})
    ours = version("everyskill")
    driver = {
        "name": "everyskill",
        "version": ours,
        "semanticVersion": ours,
        "rules": [_rule(rule) for rule in rules],
    }
    run: JsonObject = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation([r for r in remarks if r.status == "failed"])],
        "results": _results(found, rules),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: str) -> JsonObject:
    text = RULES.get(rule, rule.replace("-", " ").capitalize() + ".")
    return {
        "id": rule,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": f"{text} docs/bundles.md of everyskill lists the rules."},
    }


def _invocation(failures: list[Remark]) -> JsonObject:
    return {
        "executionSuccessful": not failures,
        "toolExecutionNotifications": [
            {"level": "error", "message": _message(remark), **_locations(remark)}
            for remark in failures
        ],
    }


def _results(remarks: list[Remark], rules: list[str]) -> list[JsonObject]:
    seen: Counter[str] = Counter()
    results = []
    for remark in remarks:
        results.append(
            {
                "ruleId": remark.rule,
                "ruleIndex": rules.index(remark.rule),
                "level": "warning" if remark.status == "warning" else "error",
                "message": _message(remark),
                **_locations(remark),
                "partialFingerprints": {FINGERPRINT: _fingerprint(remark, seen)},
            }
        )
    return results


def _message(remark: Remark) -> JsonObject:
    said = " ".join(text for text in (remark.message, remark.hint) if text)
    return {"text": visible(said).translate(_IN_MESSAGE)}


def _locations(remark: Remark) -> JsonObject:
    """Say where it is; code scanning shows nothing that has no line."""
    if remark.file is None:
        return {}
    region = {"startLine": remark.line or 1}
    physical = {"artifactLocation": _artifact(remark.file), "region": region}
    return {"locations": [{"physicalLocation": physical}]}


def _artifact(file: str) -> JsonObject:
    path = from_root(file)
    uri = quote(path, safe="/", errors="backslashreplace")
    if path.startswith("/"):
        return {"uri": "file://" + uri}
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _fingerprint(remark: Remark, seen: Counter[str]) -> str:
    """Know a finding again when lines move: by rule, file, secret, and which of such it is."""
    secret = _ALLOWED_BY.search(remark.hint)
    identity = "\0".join((remark.rule, from_root(remark.file or ""), secret[1] if secret else ""))
    seen[identity] += 1
    return hashlib.sha256(f"{identity}\0{seen[identity]}".encode(errors="replace")).hexdigest()
