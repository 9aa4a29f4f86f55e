"""Hypothesis with a figure at its end: short in every run, long behind the marker `long`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from tests.figures import Count

Value = TypeVar("Value")


def lengths(short: int, long: int) -> pytest.MarkDecorator:
    """Run a test twice: with few `examples`, and with many where the long form is asked for."""
    forms = [short, pytest.param(long, marks=pytest.mark.long)]
    return pytest.mark.parametrize("examples", forms)


def fuzz(
    count: Count,
    kind: str,
    inputs: SearchStrategy[Value],
    check: Callable[[Value], object],
    examples: int,
) -> None:
    """Try a check on many inputs, and count them; `kind` names what they are, in plural."""
    ran = 0

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def run(given: Value) -> None:
        nonlocal ran
        ran += 1
        check(given)

    run()
    count(f"fuzzing of {kind}", examples=ran)
