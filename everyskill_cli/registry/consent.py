"""Somebody's consent to what a command is about to do and was not told in so many words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

# Told line by line what will be done, and the question; returns where somebody agrees, else raises.
Consent: TypeAlias = Callable[[Sequence[str], str], None]
