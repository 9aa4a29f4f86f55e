"""Which store, which database, who am I: option > environment > project file > user file > default.

Nothing is read at import; ``load`` reads the environment and the two files once. Half a
configuration is refused (NotReady), so that no command loses rows or bytes without a word.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from everyskill_cli.errors import NotReady
from everyskill_cli.model import Setting

PROJECT_FILE: Final = "everyskill.toml"
USER_FILE: Final = "config.toml"
EMAIL: Final = re.compile(
    r"[^\s@\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^\s@\x00-\x1f\x7f\ud800-\udfff]{1,189}"
)
VARIABLES: Final = {
    "database_url": "EVERYSKILL_DATABASE_URL",
    "store_url": "EVERYSKILL_STORE_URL",
    "user": "EVERYSKILL_USER",
    "s3_endpoint": "R2_ENDPOINT",
    "s3_bucket": "R2_BUCKET_NAME",
    "s3_region": "R2_REGION",
    "s3_access_key_id": "R2_ACCESS_KEY_ID",
    "s3_secret_access_key": "R2_SECRET_ACCESS_KEY",
}
SECRETS: Final = ("s3_access_key_id", "s3_secret_access_key")
DEFAULT: Final = "default"
_LINE: Final = 'Write each setting as a line such as: user = "you@example.org"'


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How to reach an S3 service; what is None is left to the standard AWS chain."""

    endpoint: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a command needs to know of its surroundings.

    Attributes:
        home: the folder of the default database and store.
        user: an email address that was set; None asks ``identity`` to look further.
        effective: each setting with its origin, without secrets, in the order of ``config``.
        problem: why these settings must not be used; None where they may.
    """

    home: Path
    home_origin: str
    database_url: str = field(repr=False)
    store_url: str
    s3: S3Settings
    user: str | None
    effective: tuple[Setting, ...]
    problem: NotReady | None

    @property
    def is_local(self) -> bool:
        """Whether the database is a SQLite file, where identity is a claim."""
        return self.database_url.startswith("sqlite")


def load(
    options: Mapping[str, str | None] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read every source once.

    Args:
        options: values from the command line, by setting; None is not given.
        environment: the variables; this process's where it is None.
        folder: where the search for the project file starts; the working folder where it is None.

    Raises:
        NotReady: a file cannot be read, or names a setting that does not exist.
    """
    environ = os.environ if environment is None else environment
    home = _home(environ)
    found: dict[str, tuple[str, str]] = {}
    for source in (
        _from_file(_user_file(environ, home)),
        _from_file(_project_file(folder)),
        {
            name: (environ[variable], variable)
            for name, variable in VARIABLES.items()
            if environ.get(variable)
        },
        {
            name: (value, "--" + name.replace("_", "-"))
            for name, value in (options or {}).items()
            if value
        },
    ):
        found |= source
    values = {name: value for name, (value, _) in found.items()}
    s3 = S3Settings(
        endpoint=values.get("s3_endpoint"),
        access_key_id=values.get("s3_access_key_id"),
        secret_access_key=values.get("s3_secret_access_key"),
        region=values.get("s3_region"),
    )
    database_url = values.get("database_url") or "sqlite:///" + _quoted(home / "registry.db")
    store_url = values.get("store_url") or (
        f"s3://{values['s3_bucket']}" if "s3_bucket" in values else _file_url(home / "store")
    )
    scheme, separator, place = store_url.partition("://")
    store_url = scheme.lower() + separator + place
    return Settings(
        home=home,
        home_origin="EVERYSKILL_HOME" if environ.get("EVERYSKILL_HOME") else DEFAULT,
        database_url=database_url,
        store_url=store_url,
        s3=s3,
        user=values.get("user"),
        effective=_effective(found, database_url, store_url),
        problem=_empty(environ) or _problem(values, environ, database_url, store_url),
    )


def identity(settings: Settings) -> Setting:
    """Find out who is at work: a setting, else git's email, else the login on a local registry.

    Raises:
        NotReady: nobody said who, and the registry is shared.
    """
    origin = next((s.origin for s in settings.effective if s.name == "user"), DEFAULT)
    email = settings.user
    if email is None:
        email, origin = _git_email(), "git config user.email"
    if email is None and settings.is_local:
        email, origin = f"{_login()}@localhost", DEFAULT
    if email is None:
        raise NotReady(
            "Nobody said who you are, and this registry is shared.",
            "Set EVERYSKILL_USER to your email address, or run: git config --global user.email …",
        )
    if not EMAIL.fullmatch(email):
        raise NotReady(
            f"{email!r} (from {origin}) is not an email address.",
            "Set EVERYSKILL_USER to your email address.",
        )
    return Setting(name="user", value=email.lower(), origin=origin)


def cache_folder(settings: Settings) -> Path:
    """Give the folder of what may be deleted at any time."""
    if settings.home_origin != DEFAULT:
        return settings.home / "cache"
    import platformdirs

    return platformdirs.user_cache_path("everyskill", appauthor=False)


def hide_password(url: str) -> str:
    """Show a URL without the password that it may hold, before the ``@`` or as a parameter.

    Passwords hold ``/``, ``?`` and ``@`` as well, wrongly: everything up to the last ``@`` goes.
    """
    shown = re.sub(r"((?:^|://)[^/:]*):(?!//).*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&][^=&]*(?:passw|secret|token|key)[^=&]*=)[^&]*", r"\1***", shown)


def _home(environ: Mapping[str, str]) -> Path:
    if environ.get("EVERYSKILL_HOME"):
        try:
            return Path(environ["EVERYSKILL_HOME"]).expanduser().absolute()
        except RuntimeError as error:
            raise NotReady(
                f"EVERYSKILL_HOME names no folder: {error}.", "Write an absolute path."
            ) from error
    import platformdirs  # 12 ms that a configured team does not pay

    return platformdirs.user_data_path("everyskill", appauthor=False)


def _user_file(environ: Mapping[str, str], home: Path) -> Path:
    if environ.get("EVERYSKILL_HOME"):
        return home / USER_FILE
    import platformdirs

    return platformdirs.user_config_path("everyskill", appauthor=False) / USER_FILE


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise NotReady(
            "The folder that you are in does not exist any more.", "Go to one that does: cd ~"
        ) from error


def folders_of_checkout(folder: Path | None = None) -> tuple[Path, ...]:
    """Give a folder and those above it, up to the root of its git checkout; outside of one, alone.

    What lies farther up, or in a shared folder such as /tmp, could be anybody's.

    Args:
        folder: where to start; the working folder where it is None.
    """
    places = (start := folder or _working_folder(), *start.parents)
    roots = [number for number, place in enumerate(places) if (place / ".git").exists()]
    return places[: roots[0] + 1] if roots else places[:1]


def _project_file(folder: Path | None) -> Path:
    """The nearest one up to the root of the git checkout; outside of one, the folder's own."""
    inside = folders_of_checkout(folder)
    found = [place for place in inside if (place / PROJECT_FILE).is_file()]
    return (found or inside)[0] / PROJECT_FILE


def _from_file(path: Path) -> dict[str, tuple[str, str]]:
    """Read a settings file; one that is not there says nothing."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(
            f"The settings file {path} cannot be read.", "Make it a readable UTF-8 text."
        ) from error
    import tomllib  # few have such a file

    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 4,301 digits
        why = str(error).splitlines()[0].rstrip(".")
        raise NotReady(f"The settings file {path} is not TOML: {why}.", _LINE) from error
    return {name: (_checked(path, name, value), str(path)) for name, value in values.items()}


def _checked(path: Path, name: str, value: Any) -> str:
    if name in SECRETS:
        raise NotReady(
            f"{path} holds {name}; secrets do not belong into a file.",
            f"Remove it there and set {VARIABLES[name]} in the environment.",
        )
    if name not in VARIABLES:
        raise NotReady(
            f"{path} sets {name!r}, which is no setting.",
            "Settings are: " + ", ".join(n for n in VARIABLES if n not in SECRETS),
        )
    if not isinstance(value, str) or not value:
        raise NotReady(f"{name} in {path} must be a text.", _LINE)
    if path.name == PROJECT_FILE and name == "user":
        raise NotReady(
            f"{path} says who you are; that file is meant to be committed.",
            f"Remove it there and set {VARIABLES[name]} in the environment.",
        )
    if path.name == PROJECT_FILE and hide_password(value) != value:
        raise NotReady(
            f"{name} in {path} holds a password; that file is meant to be committed.",
            f"Set {VARIABLES[name]} in the environment instead.",
        )
    relative = value.removeprefix("sqlite:///")
    if value.startswith("sqlite:///") and not relative.startswith(("/", ":")):
        return f"sqlite:///{_quoted(path.parent)}/{relative}"
    return value


def _file_url(path: Path) -> str:
    return "file://" + _quoted(path)


def _quoted(path: Path) -> str:
    """Write a path into a URL; its bytes need not be text."""
    return quote(os.fsencode(path))


def _effective(
    found: Mapping[str, tuple[str, str]], database_url: str, store_url: str
) -> tuple[Setting, ...]:
    values = {name: value for name, (value, _) in found.items()}
    values |= {"database_url": database_url, "store_url": store_url}
    shown = {name: hide_password(value) for name, value in values.items()}
    shown |= {name: "set" for name in SECRETS if name in shown}
    origins = {name: origin for name, (_, origin) in found.items()}
    if "store_url" not in origins and "s3_bucket" in origins:
        origins["store_url"] = origins["s3_bucket"]
    return tuple(
        Setting(name=name, value=shown.get(name), origin=origins.get(name, DEFAULT))
        for name in VARIABLES
    )


def _empty(environ: Mapping[str, str]) -> NotReady | None:
    """Refuse a variable that is set to nothing: CI does that to a secret that it does not have.

    Taking it for unset would publish to this machine's own registry and call it a success.
    """
    empty = [variable for variable in VARIABLES.values() if environ.get(variable) == ""]
    if not empty:
        return None
    return NotReady(
        f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} set to nothing.",
        f"Give a value, or unset {'it' if len(empty) == 1 else 'them'}.",
    )


def _problem(
    values: Mapping[str, str], environ: Mapping[str, str], database_url: str, store_url: str
) -> NotReady | None:
    """Find half a configuration: it would lose rows or bytes without a word."""
    remote_store = store_url.startswith("s3://")
    if remote_store or "store_url" not in values:
        half = _half_of_s3(values, environ, store_url)
        if half is not None:
            return half
    if remote_store and "database_url" not in values:
        return NotReady(
            f"The store {hide_password(store_url)} is remote, and the database is this machine's"
            " default.",
            "Set EVERYSKILL_DATABASE_URL (PostgreSQL for a team, sqlite:///… for yourself).",
        )
    if not database_url.startswith("sqlite") and not remote_store and "store_url" not in values:
        return NotReady(
            "The database is shared, and the store is this machine's default folder.",
            "Set EVERYSKILL_STORE_URL, or R2_ENDPOINT, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and"
            " R2_BUCKET_NAME.",
        )
    return None


def _half_of_s3(
    values: Mapping[str, str], environ: Mapping[str, str], store_url: str
) -> NotReady | None:
    rest = store_url.removeprefix("s3://")
    bucket = None if rest == store_url else rest.partition("/")[0]
    if bucket and values.get("s3_bucket", bucket) != bucket:
        return NotReady(
            f"R2_BUCKET_NAME is {hide_password(values['s3_bucket'])}, and the store's URL names"
            f" {hide_password(bucket)}.",
            "Unset one of the two.",
        )
    named = [name for name in ("s3_endpoint", "s3_bucket", *SECRETS) if name in values]
    if not named:
        return None
    needed = [] if bucket else ["s3_bucket"]
    if not any(environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")) or any(
        name in values for name in SECRETS
    ):
        needed += SECRETS
    if "store_url" not in values and "s3_endpoint" not in values:
        needed.append("s3_endpoint")
    missing = [VARIABLES[name] for name in needed if name not in values]
    if not missing:
        return None
    given = ", ".join(VARIABLES[name] for name in named)
    return NotReady(
        f"Half a store is configured: {given} without {', '.join(missing)}.",
        f"Set {' and '.join(missing)}, or unset the others.",
    )


def _git_email() -> str | None:
    import subprocess  # only a writer asks

    try:
        answer = subprocess.run(
            ["git", "config", "user.email"],  # noqa: S607 - the user's own git, from their PATH
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout.strip() or None


def _login() -> str:
    import getpass

    try:
        login = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        login = f"uid-{os.getuid()}"
    return re.sub(r"[^\w.+-]", "-", login) or "user"
