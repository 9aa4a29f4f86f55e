"""Deleting a folder file by file, and only what can be had again.

Somebody may still write into a folder that was swapped out: a shell stands in it, an editor saves.
So each file is compared with what was published right before it is deleted, and what is not of it
stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Container
from contextlib import suppress
from typing import Final

from everyskill_cli.errors import EveryskillError
from everyskill_cli.installs.folder import FOLDER
from everyskill_cli.skill.files import read_file
from everyskill_cli.skill.ignore import is_residue
from everyskill_cli.skill.paths import DEPTH_MAX

# What a system says about deep trees that programs leave, and about files of other users.
CANNOT: Final = (OSError, RecursionError)


def raze(name: str, parent: int, published: Container[str], depth: int = DEPTH_MAX) -> bool:
    """Delete what lies under a name, as far as it can be had again; tell whether nothing is left.

    Args:
        name: in the open folder ``parent``.
        parent: its descriptor.
        published: SHA-256 of files that can be had again.
        depth: how many folders inside one another may be entered; no skill has more.
    """
    try:
        folder = os.open(name, FOLDER, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            with suppress(*CANNOT, EveryskillError):
                _take(entry, folder, published, depth)
    finally:
        os.close(folder)
    with suppress(OSError):
        os.rmdir(name, dir_fd=parent)
        return True
    return False


def clear(parent: int, *names: str) -> None:
    """Remove what lies under some names, whatever it is; what cannot be removed stays."""
    for name in names:
        with suppress(*CANNOT):
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)


def _take(entry: os.DirEntry[str], folder: int, published: Container[str], depth: int) -> None:
    if is_residue(entry.name):
        clear(folder, entry.name)
    elif entry.is_dir(follow_symlinks=False) and depth:
        raze(entry.name, folder, published, depth - 1)
    elif entry.is_file(follow_symlinks=False):
        data = read_file(entry.name, entry.name, folder).data
        if hashlib.sha256(data).hexdigest() in published:
            os.unlink(entry.name, dir_fd=folder)
