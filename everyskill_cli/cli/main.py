"""The app, the list of commands, and the only exit: an error becomes its code here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from keyword import iskeyword
from types import ModuleType
from typing import Annotated

import typer

from everyskill_cli.cli import render
from everyskill_cli.errors import EveryskillError, Unavailable, UsageError

INTERRUPTED = 130

COMMANDS = (  # in the order of the help; each is a function of its name in a module of its name
    "publish",
    "check",
    "show",
    "rate",
    "list",
    "search",
    "versions",
    "diff",
    "ratings",
    "install",
    "outdated",
    "update",
    "uninstall",
    "promote",
    "rollback",
    "yank",
    "unyank",
    "use",
    "stats",
    "usage",
    "mcp",
    "verify",
    "gc",
    "purge",
    "doctor",
    "config",
    "upgrade",
    "admin",
)
GROUPS = ("usage", "admin")  # commands of commands: a module of that name lists its own in COMMANDS


def make_app(words: Sequence[str] | None = None) -> typer.Typer:
    """Make the app with what a command line needs of it; with everything where there is none.

    Declaring a command's options costs a millisecond of CPU, and there are many: only the command
    that is called needs them. Help and a mistyped name need the others' names and first sentences,
    completion needs all.
    """
    app = typer.Typer(
        name="everyskill",
        help="A registry of agent skills that is only your bucket and your database.",
        rich_markup_mode=None,  # help through rich costs 83 ms more
        pretty_exceptions_enable=False,
        invoke_without_command=True,
    )
    app.callback()(everyskill)
    called = None if words is None else _called(words)
    is_whole = words is None or called in COMMANDS or "_EVERYSKILL_COMPLETE" in os.environ
    for name in [called] if called in COMMANDS else _others(words):
        module = import_module(f"everyskill_cli.cli.{name}")
        function = getattr(module, str(name) if name != "list" else "list_")
        if is_whole and name in GROUPS:
            app.add_typer(_group(module), name=name)
        else:
            app.command(name)(function if is_whole else _only_named(function))
    return app


def _group(module: ModuleType) -> typer.Typer:
    """Make a command of commands."""
    name = module.__name__.rpartition(".")[2]
    group = typer.Typer(rich_markup_mode=None)
    group.callback()(getattr(module, name))
    for command in module.COMMANDS:
        group.command(command)(getattr(module, f"{command}_" if iskeyword(command) else command))
    return group


def _called(words: Sequence[str]) -> str | None:
    """Give the first word that is neither an option nor the value of one."""
    rest = iter(words)
    for word in rest:
        if word in ("--database-url", "--store-url", "--user"):
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _others(words: Sequence[str] | None) -> Sequence[str]:
    """Give the commands that help would list; for the version none is needed."""
    return () if words is not None and "--version" in words else COMMANDS


def _only_named(function: Callable[..., object]) -> Callable[[], None]:
    """Stand in for a command in the list of all: nobody calls it."""

    def named() -> None: ...

    named.__doc__ = function.__doc__
    return named


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed_version  # slow, and rarely asked for

        render.line(f"everyskill {installed_version('everyskill')}")
        raise typer.Exit


def everyskill(
    context: typer.Context,
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the records are (EVERYSKILL_DATABASE_URL)."),
    ] = None,
    store_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the bytes are (EVERYSKILL_STORE_URL).")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Who you are (EVERYSKILL_USER).")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has ended the program before
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """A registry of agent skills that is only your bucket and your database."""
    context.obj = {"database_url": database_url, "store_url": store_url, "user": user}
    if context.invoked_subcommand is None:
        render.line(context.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; nothing else ends the program.

    Args:
        argv: the words behind the program's name; this process's where it is None.
    """
    _open_closed_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = _is_json_wanted(words)
    try:
        code = make_app(words)(args=words, prog_name="everyskill", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _hang_up()
    except SystemExit as ending:  # Typer's, where completion has answered or stdout's reader left
        if isinstance(ending.__context__, BrokenPipeError):
            return _hang_up()
        return ending.code if isinstance(ending.code, int) else 0
    except Exception as error:  # noqa: BLE001 - what is none of ours is a bug of ours
        return _fail(_translated(error), as_json)
    return code if isinstance(code, int) else 0


def _is_json_wanted(words: Sequence[str]) -> bool:
    """Tell whether errors are to be JSON; asked of the words, because these may be the error."""
    if "--json" in words or "--format=json" in words:
        return True
    return ("--format", "json") in pairwise(words)


def _open_closed_streams() -> None:
    """Send what a closed stream (``>&-``) would get nowhere; else the next file is taken for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open to the end


def _hang_up() -> int:
    """End quietly: the reader has seen enough, and what was asked for is done."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again at exit
    return 0


def _translated(error: Exception) -> EveryskillError:
    """Say any error in our own words; one without words is a bug, and how to see the rest."""
    match error:
        case EveryskillError():
            return error
        case typer.TyperException():
            said = error.format_message().removeprefix("Invalid value: ")
            said = said if said.endswith((".", ")", "?")) else said + "."
            return UsageError(said, f"See: {_command_of(error)} --help")
        case OSError():
            what = f" {error.filename}" if error.filename else ""
            return Unavailable(
                f"The system refused{what}: {error.strerror or error}.",
                "Look at that file, or at where the output goes, then run the command again.",
            )
    return EveryskillError(
        f"This is a bug in everyskill: {type(error).__name__}: {error}",
        "Run it again with EVERYSKILL_DEBUG=1 and report what it prints.",
    )


def _command_of(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return "everyskill" if context is None else str(context.command_path)


def _fail(error: EveryskillError, as_json: bool) -> int:
    try:
        _trace()
        render.failure(error, as_json=as_json)
    except OSError:  # nobody reads stderr; the code says enough
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open to the end
    return error.code


def _trace() -> None:
    """Show where it happened, to those who ask for it."""
    if os.environ.get("EVERYSKILL_DEBUG") == "1":
        import traceback

        render.note(traceback.format_exc())
