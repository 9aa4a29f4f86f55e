"""Deleting a folder file by file, and only what can be had again.

Somebody may still write into a folder that was swapped out: a shell stands in it, an editor saves.
So each file is compared with what was published right before it is deleted, and what is not of it
stays.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container
from contextlib import suppress

from everyskill_cli.errors import EveryskillError
from everyskill_cli.installs.folder import FOLDER
from everyskill_cli.skill.files import read_file
from everyskill_cli.skill.ignore import is_residue
from everyskill_cli.skill.paths import DEPTH_MAX


def raze(
    name: str, parent: int, published: Container[str], work: int, depth: int = DEPTH_MAX
) -> bool:
    """Delete what lies under a name, as far as it can be had again; tell whether nothing is left.

    Args:
        name: in the open folder ``parent``.
        parent: its descriptor.
        published: SHA-256 of files that can be had again.
        work: descriptor of a folder of ours, for what takes several steps to delete.
        depth: how many folders inside one another may be entered; no skill has more.
    """
    try:
        folder = os.open(name, FOLDER, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        for entry in _entries(folder):
            with suppress(OSError, EveryskillError):
                _take(entry, folder, published, work, depth)
    finally:
        os.close(folder)
    with suppress(OSError):
        os.rmdir(name, dir_fd=parent)
        return True
    return False


def clear(work: int, *names: str) -> None:
    """Remove what lies under some names of a folder of ours; what cannot be removed stays.

    Folders inside of folders are moved up first: however deep they lie, one is open at a time.
    """
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        with suppress(OSError):
            folder = os.open(name, FOLDER, dir_fd=work)
            try:
                waiting += _emptied(folder, work)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=work)
        with suppress(OSError):
            os.unlink(name, dir_fd=work)


def _emptied(folder: int, work: int) -> list[str]:
    """Delete the files of a folder, and move its folders up; give their names there."""
    moved = []
    for entry in _entries(folder):
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                moved.append(_moved_up(entry.name, folder, work))
            else:
                os.unlink(entry.name, dir_fd=folder)
    return moved


def _moved_up(name: str, folder: int, work: int) -> str:
    aside = f"rubbish-{os.urandom(8).hex()}"
    os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=work)
    return aside


def _entries(folder: int) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _take(
    entry: os.DirEntry[str], folder: int, published: Container[str], work: int, depth: int
) -> None:
    is_folder = entry.is_dir(follow_symlinks=False)
    if is_residue(entry.name) and is_folder:
        clear(work, _moved_up(entry.name, folder, work))
    elif is_residue(entry.name):
        os.unlink(entry.name, dir_fd=folder)
    elif is_folder and depth:
        raze(entry.name, folder, published, work, depth - 1)
    elif entry.is_file(follow_symlinks=False):
        data = read_file(entry.name, entry.name, folder).data
        if hashlib.sha256(data).hexdigest() in published:
            os.unlink(entry.name, dir_fd=folder)
