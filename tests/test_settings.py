"""Where a setting comes from, who is at work, and that no secret is ever printed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from everyskill_cli.errors import NotReady
from everyskill_cli.settings import Settings, hide_password, identity, load
from tests.commands import Commands, assert_failed
from tests.registries import write_skill

SECRET = "s3kr3t-Value"
Origins = dict[str, tuple[str | None, str]]

HOLDS = ["heads.db", "registry.db", "store"]  # a home after the first publish


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


def origins(cli: Commands, *options: str, env: Mapping[str, str] | None = None) -> Origins:
    """What `config --json` says of each setting: its value and where it comes from."""
    done = cli(*options, "config", "--json", env=env)
    assert (done.code, done.stderr) == (0, "")
    return {row["name"]: (row["value"], row["origin"]) for row in done.json["results"]}


# Precedence.

SETTINGS = {
    "database_url": ("EVERYSKILL_DATABASE_URL", "sqlite:////data/{}.db"),
    "store_url": ("EVERYSKILL_STORE_URL", "file:///data/{}"),
    "user": ("EVERYSKILL_USER", "{}@example.org"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_strongest_source_wins_and_is_named(cli: Commands, home: Path, name: str) -> None:
    variable, value = SETTINGS[name]
    own = home / "own"
    own.mkdir()
    user_file, project_file = own / "config.toml", Path.cwd() / "everyskill.toml"
    environment = {"EVERYSKILL_HOME": str(own)}
    assert origins(cli, env=environment)[name][1] == "default"

    user_file.write_text(f'{name} = "{value.format("a")}"\n')
    assert origins(cli, env=environment)[name] == (value.format("a"), str(user_file))
    if name != "user":  # that belongs into no file of a project
        project_file.write_text(f'{name} = "{value.format("b")}"\n')
        assert origins(cli, env=environment)[name] == (value.format("b"), str(project_file))
    environment[variable] = value.format("c")
    assert origins(cli, env=environment)[name] == (value.format("c"), variable)
    option = "--" + name.replace("_", "-")
    found = origins(cli, option, value.format("d"), env=environment)
    assert found[name] == (value.format("d"), option)

    del environment[variable]
    project_file.unlink(missing_ok=True)
    assert origins(cli, env=environment)[name] == (value.format("a"), str(user_file))
    user_file.unlink()
    assert origins(cli, env=environment)[name][1] == "default"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("s3_endpoint", "R2_ENDPOINT"),
        ("s3_bucket", "R2_BUCKET_NAME"),
        ("s3_region", "R2_REGION"),
    ],
)
def test_an_s3_setting_in_a_file_gives_way_to_its_variable(
    cli: Commands, name: str, variable: str
) -> None:
    Path("everyskill.toml").write_text(f'{name} = "file"\n')
    found = load(environment={"EVERYSKILL_HOME": "/h"})
    assert value_of(found, name) == ("file", str(Path.cwd() / "everyskill.toml"))
    found = load(environment={"EVERYSKILL_HOME": "/h", variable: "variable"})
    assert value_of(found, name) == ("variable", variable)


def value_of(settings: Settings, name: str) -> tuple[str | None, str]:
    [found] = [setting for setting in settings.effective if setting.name == name]
    return found.value, found.origin


def test_the_bucket_variable_is_where_the_store_comes_from() -> None:
    environment = {
        "R2_ENDPOINT": "https://a.r2.cloudflarestorage.com",
        "R2_BUCKET_NAME": "skills",
        "R2_ACCESS_KEY_ID": "key",
        "R2_SECRET_ACCESS_KEY": SECRET,
        "EVERYSKILL_DATABASE_URL": "postgresql://u@h/x",
    }
    found = load(environment=environment)
    assert (found.problem, found.store_url) == (None, "s3://skills")
    assert value_of(found, "store_url") == ("s3://skills", "R2_BUCKET_NAME")
    assert value_of(found, "s3_secret_access_key") == ("set", "R2_SECRET_ACCESS_KEY")
    assert value_of(found, "s3_access_key_id") == ("set", "R2_ACCESS_KEY_ID")
    with_prefix = {**environment, "EVERYSKILL_STORE_URL": "s3://skills/team-a"}
    assert load(environment=with_prefix).store_url == "s3://skills/team-a"


@pytest.mark.parametrize("own", [{"AWS_PROFILE": "team"}, {"AWS_ACCESS_KEY_ID": "a"}])
def test_the_standard_aws_chain_needs_no_key_of_ours(own: dict[str, str]) -> None:
    environment = {"EVERYSKILL_DATABASE_URL": "postgresql://u@h/x", **own}
    assert load(environment={**environment, "EVERYSKILL_STORE_URL": "s3://b"}).problem is None
    endpoint = {"EVERYSKILL_STORE_URL": "s3://b", "R2_ENDPOINT": "https://minio.example.org"}
    assert load(environment={**environment, **endpoint}).problem is None
    half = {**environment, **endpoint, "R2_ACCESS_KEY_ID": "key"}
    problem = load(environment=half).problem
    assert problem is not None and "R2_SECRET_ACCESS_KEY" in problem.message


# Files.


def test_the_project_file_is_the_nearest_one_up_to_the_checkout(
    cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def region(folder: Path) -> tuple[str | None, str]:
        (folder / "everyskill.toml").write_text(f's3_region = "{folder.name}"\n')
        return origins(cli)["s3_region"]

    checkout = tmp_path / "checkout"
    inner = checkout / "skills" / "demo"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert region(checkout) == (None, "default")  # anybody's, outside of a checkout
    (checkout / ".git").mkdir()
    assert region(tmp_path) == ("checkout", str(checkout / "everyskill.toml"))
    assert region(checkout / "skills") == ("skills", str(checkout / "skills" / "everyskill.toml"))
    assert region(inner) == ("demo", str(inner / "everyskill.toml"))


def test_a_relative_database_in_a_file_is_beside_that_file(
    cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "everyskill.toml").write_text('database_url = "sqlite:///data/registry.db"\n')
    skill = write_skill(tmp_path / "deep" / "down")
    monkeypatch.chdir(skill)
    expected = f"sqlite:///{tmp_path}/data/registry.db"
    assert origins(cli)["database_url"][0] == expected
    assert cli("publish", ".").code == 0
    assert (tmp_path / "data" / "registry.db").is_file()
    assert sorted(path.name for path in skill.iterdir()) == ["SKILL.md"]
    monkeypatch.chdir(tmp_path)
    assert cli("show", "demo").code == 0


def test_everything_is_below_the_home_that_is_set(
    cli: Commands, home: Path, tmp_path: Path
) -> None:
    for given, place in (
        (str(tmp_path / "own home"), tmp_path / "own home"),
        ("~/mine", home / "mine"),
        ("here", Path.cwd() / "here"),
    ):
        environment = {"EVERYSKILL_HOME": given}
        found = origins(cli, env=environment)
        assert found["home"] == (str(place), "EVERYSKILL_HOME")
        assert cli("publish", write_skill(tmp_path), env=environment).code == 0
        assert sorted(path.name for path in place.iterdir()) == HOLDS
        assert cli("show", "demo", "--content", env=environment).code == 0


def test_any_folder_may_be_the_store(cli: Commands, tmp_path: Path) -> None:
    names = (("a b", "a b"), ("a%20b", "a b"), ("%3F", "?"), ("\udcff", "\udcff"))
    for number, (name, path) in enumerate(names):  # a registry keeps to one store
        urls = ("--database-url", f"sqlite:///{tmp_path}/{number}.db")
        urls += ("--store-url", f"file://{tmp_path}/{number}/{name}")
        assert cli(*urls, "publish", write_skill(tmp_path)).code == 0
        assert (tmp_path / str(number) / path / "sha256").is_dir()


@pytest.mark.parametrize(
    "name", ["a b", "a%20b", "a?b#c", "ä ☃", "a'b\"", "a&timeout=1", "a\udcff"]
)
def test_any_name_may_be_the_home(cli: Commands, tmp_path: Path, name: str) -> None:
    environment = {"EVERYSKILL_HOME": str(tmp_path / name)}
    assert cli("publish", write_skill(tmp_path), env=environment).code == 0
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == HOLDS
    assert cli("show", "demo", "--content", env=environment).code == 0
    assert cli("doctor", env=environment).code == 0


def test_without_a_home_in_the_environment_there_is_still_one(
    monkeypatch: pytest.MonkeyPatch, cli: Commands
) -> None:
    monkeypatch.delenv("HOME")
    assert cli("config").code == 0


# Who is at work.


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_knows_who_you_are_and_the_setting_knows_better(cli: Commands) -> None:
    git("config", "--global", "user.email", "Git@Example.org")
    assert origins(cli)["user"] == ("git@example.org", "git config user.email")
    git("init", ".")
    git("config", "user.email", "repository@example.org")
    assert origins(cli)["user"][0] == "repository@example.org"
    assert origins(cli, env={"EVERYSKILL_USER": "me@example.org"})["user"] == (
        "me@example.org",
        "EVERYSKILL_USER",
    )
    found = origins(cli, "--user", "Option@Example.org", env={"EVERYSKILL_USER": "me@example.org"})
    assert found["user"] == ("option@example.org", "--user")


def test_a_git_that_knows_nobody_hangs_or_lies_is_no_identity(
    cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "git"
    monkeypatch.setenv("PATH", str(tmp_path))
    for script in ("exit 1", "exit 0", "printf '\\377\\376'", "printf '   \\n'"):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert origins(cli)["user"][0].endswith("@localhost"), script
    program.write_text("#!/bin/sh\necho nobody\n")
    assert_failed(cli("publish", write_skill(tmp_path)), 8, "'nobody' (from git config user.email)")


@pytest.mark.parametrize(
    ("database_url", "shared"),
    [("sqlite:////data/registry.db", False), ("postgresql://u@h/x", True)],
)
def test_a_shared_registry_makes_nobody_up(
    database_url: str, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("LOGNAME", "Ann Odd/Name")
    settings = load({"database_url": database_url, "store_url": "file:///data/store"})
    if shared:
        with pytest.raises(NotReady, match="Nobody said who you are") as caught:
            identity(settings)
        assert "EVERYSKILL_USER" in caught.value.hint
        assert "git config" in caught.value.hint
    else:
        assert identity(settings).value == "ann-odd-name@localhost"


@pytest.mark.parametrize(
    ("email", "valid"),
    [
        ("ann@example.org", True),
        ("ANN+skills@Example.ORG", True),
        ("ann@localhost", True),
        ("анна@example.org", True),
        ("a" * 64 + "@b", True),
        ("a" * 65 + "@b", False),
        ("a@" + "b" * 189, True),
        ("a@" + "b" * 190, False),
        ("ann", False),
        ("@example.org", False),
        ("ann@", False),
        ("a@b@c", False),
        ("a b@c", False),
        ("a@b\n", False),
        ("a\x1b@b", False),
        ("a\udcff@b", False),
    ],
)
def test_an_email_address(email: str, valid: bool) -> None:
    settings = load(environment={"EVERYSKILL_USER": email, "EVERYSKILL_HOME": "/h"})
    if valid:
        assert identity(settings).value == email.lower()
    else:
        with pytest.raises(NotReady, match="is not an email address"):
            identity(settings)


def test_the_same_person_in_capitals_is_the_same_person(cli: Commands, tmp_path: Path) -> None:
    cli("--user", "Ann@Example.org", "publish", write_skill(tmp_path))
    cli("--user", "ann@example.org", "rate", "demo", "5")
    assert cli("--user", "ANN@EXAMPLE.ORG", "rate", "demo", "3", "--json").json["status"] == (
        "replaced"
    )


# Secrets.

URLS = [
    "postgresql://u:SECRET@host/x",
    "postgresql://u:p@SECRET@host/x",
    "postgresql://u:p:SECRET@host/x",
    "postgresql://u:p/SECRET@host/x",
    "postgresql://u:p?SECRET@host/x",
    "postgresql://u:p#SECRET@host/x",
    "postgresql://ann@example.org:SECRET@host/x",
    "postgresql://:SECRET@host/x",
    "postgresql://u:SECRET@[::1]:5432/x",
    "postgresql://u:SECRET@/x?host=/run/postgresql",
    "postgresql://u:SECRET@a:1,b:2/x",
    "postgresql://u@host/x?password=SECRET",
    "postgresql://u@host/x?sslmode=require&PASSWORD=SECRET&connect_timeout=1",
    "postgresql://u@host/x?sslpassword=SECRET",
    "POSTGRESQL://u:SECRET@host/x",
    "mysql://u:SECRET@host/x",
    "u:SECRET@host/x",
    "u:SECRET@host:5432/x",
]


@pytest.mark.parametrize("url", URLS)
def test_no_password_is_printed_whatever_the_url_looks_like(cli: Commands, url: str) -> None:
    url = url.replace("SECRET", SECRET)
    assert SECRET not in hide_password(url)
    for settings in (
        {"EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_STORE_URL": "file:///nowhere"},
        {"EVERYSKILL_DATABASE_URL": url},
        {"EVERYSKILL_STORE_URL": url},
        {"R2_ENDPOINT": url, "R2_BUCKET_NAME": url, "R2_REGION": url},
    ):
        for words in (["config"], ["config", "--json"], ["doctor", "--json"], ["list"]):
            done = cli(*words, env={**settings, "EVERYSKILL_DEBUG": "1"})
            assert SECRET not in done.stdout + done.stderr, words
    done = cli("--database-url", url, "config")
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////home/ann/a:b@c/registry.db",
        "file:///home/ann/a:b@c",
        "s3://bucket/prefix",
        "postgresql://ann@host:5432/x",
        "https://a.r2.cloudflarestorage.com",
        "postgresql://ann@host/x?sslmode=require&application_name=a",
    ],
)
def test_what_holds_no_password_is_shown_whole(url: str) -> None:
    assert hide_password(url) == url


def test_keys_are_only_said_to_be_set(cli: Commands) -> None:
    environment = {
        "R2_ENDPOINT": "https://a.r2.cloudflarestorage.com",
        "R2_BUCKET_NAME": "skills",
        "R2_ACCESS_KEY_ID": f"{SECRET}-id",
        "R2_SECRET_ACCESS_KEY": SECRET,
        "EVERYSKILL_DATABASE_URL": "sqlite:////nowhere/x.db",
    }
    for words in (["config"], ["config", "--json"]):
        done = cli(*words, env=environment)
        assert SECRET not in done.stdout + done.stderr
    assert origins(cli, env=environment)["s3_secret_access_key"] == ("set", "R2_SECRET_ACCESS_KEY")
    assert SECRET not in repr(load(environment=environment))


def test_config_shows_half_a_configuration_and_says_so(cli: Commands) -> None:
    done = cli("config", env={"R2_BUCKET_NAME": "skills"})
    assert done.code == 0
    assert "warning: Half a store is configured" in done.stderr
    answer = cli("config", "--json", env={"R2_BUCKET_NAME": "skills"})
    assert [warning["rule"] for warning in answer.json["warnings"]] == ["not-ready"]
