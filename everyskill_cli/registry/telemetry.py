"""What Claude Code says about skills that were used, line by line.

Its OpenTelemetry events are log records (https://code.claude.com/docs/en/monitoring-usage, "Skill
activated event"); the collector's file exporter writes them as OTLP JSON, one object a line
(https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/). A line may also be one such
record alone, or what Claude Code gives to a hook (https://code.claude.com/docs/en/hooks). Other
events, traces and metrics say nothing about skills, and are passed by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final, NamedTuple

from everyskill_cli.chain import timestamp
from everyskill_cli.registry.lines import lines
from everyskill_cli.settings import EMAIL

LINE_MAX: Final = 16 * 1024 * 1024  # bytes; a collector's batches are smaller
EVENT: Final = "skill_activated"
PREFIX: Final = "claude_code."
REDACTED: Final = "custom_skill"  # what stands there unless OTEL_LOG_TOOL_DETAILS=1
FOREIGN_SOURCES: Final = ("builtin", "bundled", "plugin")  # skills that no registry installed
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS: Final = range(2000, 2200)
_OTHER_SIGNALS: Final = ("resourceSpans", "resourceMetrics", "resourceProfiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One use of a skill.

    Attributes:
        name: of the skill, as the agent knows it.
        external_id: the same for the same event in every export; None of what has no id.
        at: when; None for now.
        email: of the user, where the event says it.
        is_own: whether it is by whoever runs this, as a hook's is.
        is_foreign: whether the skill came with the agent or with a plugin.
    """

    name: str
    external_id: str | None
    at: datetime | None
    email: str | None
    is_own: bool
    is_foreign: bool


class Line(NamedTuple):
    """What one line holds; ``problem`` says in a sentence why it cannot be read, or not whole."""

    number: int
    activations: tuple[Activation, ...]
    problem: str | None


class _Event(NamedTuple):
    """One use as it was written; what is our own stands beside the log's names, never among them.

    Attributes:
        attributes: as the log has them, whatever their names are.
        time: of the record around them, in nanoseconds since 1970; None where it says none.
        is_own: whether a hook was told.
        call: the id of a hook's call; empty where it has none.
    """

    attributes: Mapping[str, str]
    time: str | None = None
    is_own: bool = False
    call: str = ""


class _Unreadable(ValueError):
    """A sentence about what cannot be read."""


def read(stream: BinaryIO) -> Iterator[Line | None]:
    """Read a log, a line at a time: however long it is, one line is in memory.

    None stands where nothing has come for a moment, and may never come again.
    """
    number = 0
    for data in lines(stream, LINE_MAX):
        if data is None:
            yield None
            continue
        number += 1
        if len(data) > LINE_MAX:
            yield Line(number, (), f"The line has more than {LINE_MAX:,} bytes.")
        elif data.strip():
            yield _line(number, data)
        else:
            yield Line(number, (), None)


def _line(number: int, data: bytes) -> Line:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return Line(number, (), "The line is no JSON.")
    found: list[Activation] = []
    problem = None
    try:
        for event in _events(value):
            try:
                found.append(_activation(event))
            except _Unreadable as error:  # the others of this line are read
                problem = problem or str(error)
    except _Unreadable as error:
        problem = str(error)
    return Line(number, tuple(found), problem)


def _events(value: Any) -> Iterator[_Event]:
    """Find the uses of skills in one line."""
    if not isinstance(value, dict):
        raise _Unreadable("The line is no JSON object.")
    if "hook_event_name" in value:
        yield from _hook(value)
    elif "resourceLogs" in value:
        yield from _export(value)
    elif "attributes" in value:
        yield from _record(value, {})
    elif not any(signal in value for signal in _OTHER_SIGNALS):
        raise _Unreadable("The line holds no log records.")


def _export(value: dict[str, Any]) -> Iterator[_Event]:
    for resource in _maps(value, "resourceLogs"):
        shared = _attributes(resource.get("resource", {}))
        for scope in _maps(resource, "scopeLogs"):
            for record in _maps(scope, "logRecords"):
                yield from _record(record, shared)


def _maps(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = parent.get(name, [])
    if isinstance(found, list) and all(isinstance(each, dict) for each in found):
        return found
    raise _Unreadable(f"{name} is no list of objects.")


def _record(record: dict[str, Any], shared: Mapping[str, str]) -> Iterator[_Event]:
    own = {**shared, **_attributes(record)}
    names = (own.get("event.name"), _text(record.get("body")), record.get("eventName"))
    if any(name in (EVENT, PREFIX + EVENT) for name in names):
        times = (str(record.get(name) or 0) for name in ("timeUnixNano", "observedTimeUnixNano"))
        yield _Event(own, time=next((time for time in times if time != "0"), None))


def _attributes(holder: Any) -> dict[str, str]:
    """Read attributes: OTLP's list of keys and values, or a plain map."""
    held = holder.get("attributes", {}) if isinstance(holder, dict) else {}
    if isinstance(held, list):
        pairs = [(each.get("key"), each.get("value")) for each in held if isinstance(each, dict)]
    else:
        pairs = list(held.items()) if isinstance(held, dict) else []
    read = {str(key): _text(value) for key, value in pairs}
    return {key: text for key, text in read.items() if text is not None}


def _text(value: Any) -> str | None:
    """Read a value as text: a plain one, or OTLP's ``{"stringValue": …}``."""
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    return str(value) if isinstance(value, str | int | float) else None


def _activation(event: _Event) -> Activation:
    attributes = event.attributes
    name = attributes.get("skill.name", "")
    if not name:
        raise _Unreadable("A use of a skill does not name it.")
    at = None if event.is_own else _time(event)
    return Activation(
        name=name,
        external_id=_call_id(event) if at is None else _event_id(attributes, at),
        at=at,
        email=None if event.is_own else _email(attributes.get("user.email", "")),
        is_own=event.is_own,
        is_foreign=attributes.get("skill.source") in FOREIGN_SOURCES,
    )


def _time(event: _Event) -> datetime:
    try:
        if "event.timestamp" in event.attributes:
            said = datetime.fromisoformat(event.attributes["event.timestamp"])
            found = said.replace(tzinfo=said.tzinfo or UTC).astimezone(UTC)
        else:
            found = _BEGINNING + timedelta(microseconds=int(event.time or "") // 1000)
    except (ValueError, OverflowError) as error:
        raise _Unreadable("A use of a skill has no time that can be read.") from error
    if found.year not in _YEARS:
        raise _Unreadable("A use of a skill has no time that can be read.")
    return found


def _event_id(attributes: Mapping[str, str], at: datetime) -> str:
    """Make the id by which the same event is known again, whoever exports it.

    A session counts its events, from the beginning in each process; so the time belongs to it.
    """
    who = next((attributes[key] for key in _WHO if key in attributes), None)
    sequence = attributes.get("event.sequence")
    return _digest("event", who, sequence, timestamp(at), attributes["skill.name"])


def _call_id(event: _Event) -> str | None:
    """Make the id of a hook's call; what was typed calls nothing and has none."""
    return _digest("hook", event.attributes.get("session.id"), event.call) if event.call else None


def _digest(*said: str | None) -> str:
    return f"claude-code:{hashlib.sha256(json.dumps(said).encode()).hexdigest()}"


_WHO: Final = ("session.id", "prompt.id", "user.account_uuid", "user.email", "user.id")


def _email(text: str) -> str | None:
    lowered = text.strip().lower()
    return lowered if EMAIL.fullmatch(lowered) else None


def _hook(value: dict[str, Any]) -> Iterator[_Event]:
    """Read what Claude Code gives to a hook: a call of the tool Skill, or ``/name`` typed."""
    event = value["hook_event_name"]
    if event == "PostToolUse" and value.get("tool_name") == "Skill":
        given = value.get("tool_input")
        name = given.get("skill") if isinstance(given, dict) else None
        session = _text(value.get("session_id")) or ""
        call = _text(value.get("tool_use_id")) or ""
        own = {"skill.name": _text(name) or "", "session.id": session}
        yield _Event(own, is_own=True, call=call)
    elif event == "UserPromptExpansion" and value.get("expansion_type") != "mcp_prompt":
        name, source = _text(value.get("command_name")), _text(value.get("command_source"))
        yield _Event({"skill.name": name or "", "skill.source": source or ""}, is_own=True)
