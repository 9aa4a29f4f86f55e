"""The effective settings with their origin."""

from __future__ import annotations

from everyskill_cli.errors import NotReady
from everyskill_cli.model import ConfigAnswer, Finding, Setting
from everyskill_cli.settings import Settings, identity


def config(settings: Settings) -> ConfigAnswer:
    """List the settings as they are used; half a configuration is a warning here."""
    home = Setting(name="home", value=str(settings.home), origin=settings.home_origin)
    problems = [settings.problem] if settings.problem is not None else []
    try:
        user = identity(settings)
    except NotReady as error:
        user = Setting(name="user", value=None, origin="default")
        problems.append(error)
    listed = tuple(user if setting.name == "user" else setting for setting in settings.effective)
    return ConfigAnswer(
        status="ok",
        results=(home, *listed),
        warnings=tuple(
            Finding("not-ready", f"{problem.message} {problem.hint}") for problem in problems
        ),
    )
