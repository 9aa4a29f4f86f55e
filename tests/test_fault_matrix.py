"""Faults of a bucket under the commands that ask it: the right bytes, or a code that says why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import count as numbers
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader

from tests.commands import Commands
from tests.conftest import Finished
from tests.effects import AUTHOR
from tests.figures import Count
from tests.installing import contents, make_project
from tests.registries import write_skill
from tests.servers.faults import Fault, FaultProxy
from tests.servers.s3 import S3Server
from tests.sites import S3Stores, Site

OBJECT, MARKER, PROBE = "sha256/", "everyskill.json", "everyskill-probe-"
SECONDS = 15.0  # in which every command has ended; none waits for a server that says nothing here
LARGE = "x" * 100_000  # so that a file is read out of the bundle by itself
MANY = 3
EVERY = 5  # of the faults of a request one is tried in the short form


@dataclass(frozen=True)
class Ask:
    """One kind of request that a command makes: its method, and what its key holds."""

    command: str
    method: str
    key: str

    def __str__(self) -> str:
        return f"{self.command} {self.method} {self.key.rstrip('/-')}"


ASKS = (
    Ask("publish first", "GET", MARKER),
    Ask("publish first", "PUT", MARKER),
    Ask("publish", "PUT", OBJECT),
    Ask("publish", "GET", OBJECT),
    Ask("publish many", "PUT", OBJECT),
    Ask("publish many", "GET", OBJECT),
    Ask("show", "GET", OBJECT),
    Ask("diff", "GET", OBJECT),
    Ask("install", "GET", OBJECT),
    Ask("doctor", "GET", MARKER),
    Ask("doctor", "PUT", PROBE),
    Ask("doctor", "GET", PROBE),
    Ask("doctor", "DELETE", PROBE),
)


class Bench:
    """A registry behind the proxy, and every command with what it must leave behind."""

    def __init__(self, cli: Commands, site: Site, stores: S3Stores, folder: Path) -> None:
        self.cli = cli
        self.site = site
        self.secrets = (site.env["R2_SECRET_ACCESS_KEY"],)
        self.stores = stores
        self.folder = folder
        self._made = numbers()
        for number in (1, 2):
            skill = write_skill(folder / f"text-{number}", body=f"{number}.", large=LARGE, b="b")
            assert cli("publish", skill, env=site.env).code == 0
        self.source = folder / "text-2/demo"

    def act(self, name: str) -> Act:
        return getattr(self, f"_{name.replace(' ', '_')}")(next(self._made))

    def _publish_first(self, number: int) -> Act:
        """In a registry and a store of its own."""
        env = {**self.site.env, **self.stores.new(), "R2_ENDPOINT": self.site.env["R2_ENDPOINT"]}
        env["EVERYSKILL_DATABASE_URL"] = f"sqlite:///{self.folder}/first-{number}.db"
        return self._publishing(number, Site(env, partial(self.stores.get, env)), 1)

    def _publish(self, number: int) -> Act:
        return self._publishing(number, self.site, 1)

    def _publish_many(self, number: int) -> Act:
        return self._publishing(number, self.site, MANY)

    def _publishing(self, number: int, site: Site, skills: int) -> Act:
        slugs = [f"new-{number}-{n}" for n in range(skills)]
        tree = self.folder / f"new-{number}"
        for slug in slugs:
            write_skill(tree, slug, body=slug)
        words = ("publish", str(tree / slugs[0] if skills == 1 else tree), "--json")

        def stands() -> int:
            """How many of them stand, each of them once and whole."""
            versions = [site.standing(slug).versions for slug in slugs]
            assert {len(each) for each in versions} <= {0, 1}
            site.audit(slugs[0])
            return sum(map(len, versions))

        return Act(partial(self.cli, *words, env=site.env), stands, skills, self.secrets)

    def _show(self, number: int) -> Act:
        text = (self.source / "SKILL.md").read_text()
        return self._reading(("show", "demo", "--content"), lambda done: done.stdout == text)

    def _diff(self, number: int) -> Act:
        return self._reading(("diff", "demo@1", "demo@2"), lambda done: "\n+2.\n" in done.stdout)

    def _doctor(self, number: int) -> Act:
        return self._reading(("doctor", "--json"), lambda done: done.json["status"] != "failed")

    def _reading(self, words: tuple[str, ...], is_right: Callable[[Finished], bool]) -> Act:
        said: list[bool] = []

        def run() -> Finished:
            done = self.cli(*words, env=self.site.env)
            said.append(done.code == 0 and is_right(done))
            return done

        return Act(run, lambda: said[-1], 1, self.secrets)

    def _install(self, number: int) -> Act:
        project = make_project(self.folder / f"project-{number}", ".claude")
        target = project / ".claude/skills/demo"
        env = {**self.site.env, "EVERYSKILL_HOME": str(self.folder / f"home-{number}")}

        def run() -> Finished:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(project)
                return self.cli("install", "demo", env=env)

        def stands() -> bool:
            found, lock = contents(target), project / "everyskill.lock"
            assert found in ({}, contents(self.source))
            assert bool(found) == lock.exists()
            return bool(found)

        return Act(run, stands, 1, self.secrets)


@dataclass(frozen=True)
class Act:
    """A command, and a look at how much of what it is to do stands: nothing, or all of it right."""

    run: Callable[[], Finished]
    stands: Callable[[], int]
    whole: int
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def line(local_s3: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(local_s3.endpoint) as proxy:
        proxy.delay = 0.05
        yield proxy


@pytest.fixture
def bench(line, local_s3, capsys, monkeypatch, tmp_path) -> Bench:
    line.forget()
    read = cache(JSONFileLoader().load_file)  # half of what a client costs
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda self, path: read(path))
    pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(pause, lambda self, context: 0.001)
    env = {**local_s3.environment(local_s3.prefix(), endpoint=line.endpoint), **AUTHOR}
    env["EVERYSKILL_DATABASE_URL"] = f"sqlite:///{tmp_path}/registry.db"
    stores = S3Stores(local_s3)
    return Bench(Commands(capsys), Site(env, partial(stores.get, env)), stores, tmp_path)


# What a fault that stays ends in, by the documented exit codes …
CODES = {
    Fault.SLOW: 0,
    Fault.RESET: 6,
    Fault.LOST_ANSWER: 6,
    Fault.HALF_BODY: 6,
    Fault.SHORT_BODY: 7,
    Fault.FLIPPED_DOWNLOAD: 7,
    Fault.FLIPPED_UPLOAD: 7,
    Fault.FORGOTTEN_UPLOAD: 7,
    Fault.STALE: 7,
    Fault.ERROR_500: 6,
    Fault.DONE_AND_500: 6,
    Fault.SLOW_DOWN_503: 6,
    Fault.TOO_MANY_429: 6,
    Fault.RESET_AMID_BODY: 6,
    Fault.LONG_BODY: 7,
    Fault.EMPTY_200: 7,
    Fault.GARBAGE_200: 7,
    Fault.GARBAGE_500: 6,
    Fault.CONFLICT_409: 6,
    Fault.UNMET_412: 8,
    Fault.DENIED_403: 9,
    Fault.REDIRECT_307: 8,
}
# … and where something else is right.
OTHER = {
    # A marker has no digest: half of an answer, or another id, is no store of this registry's.
    ("publish first", "GET"): {
        Fault.HALF_BODY: 8,
        Fault.SHORT_BODY: 8,
        Fault.FLIPPED_DOWNLOAD: 8,
        Fault.LONG_BODY: 8,
        Fault.STALE: 6,
    },
    ("publish first", "PUT"): {Fault.FORGOTTEN_UPLOAD: 6, Fault.UNMET_412: 6},
    ("diff", "GET"): {Fault.LONG_BODY: 0},  # it reads no further than what it asked for
}
PARTLY, BAD_CHECK = 10, 8
# The doctor looks once, and tells what it saw.
SEEN_ONCE = {
    "PUT": {Fault.FORGOTTEN_UPLOAD, Fault.UNMET_412},
    "GET": {
        Fault.SHORT_BODY,
        Fault.FLIPPED_DOWNLOAD,
        Fault.LONG_BODY,
        Fault.EMPTY_200,
        Fault.GARBAGE_200,
    },
}


def code_of(ask: Ask, fault: Fault) -> int:
    """The exit code while every such request meets the fault."""
    code = OTHER.get((ask.command, ask.method), {}).get(fault, CODES[fault])
    if ask.command == "doctor":
        # That it cannot remove its own object is a warning: publishing never deletes.
        return BAD_CHECK if code and ask.method != "DELETE" else 0
    return PARTLY if code and ask.command == "publish many" else code


def code_once(ask: Ask, fault: Fault) -> int:
    """The exit code where one such request meets it: everything asks twice but the doctor."""
    seen = ask.key == PROBE and fault in SEEN_ONCE.get(ask.method, ())
    return BAD_CHECK if seen else 0


def try_fault(bench: Bench, line: FaultProxy, ask: Ask, fault: Fault) -> None:
    """A fault that stays, then one that passes, then none."""
    act = bench.act(ask.command)
    line.order(*[fault] * 60, method=ask.method, key=ask.key)
    done = bounded(act)
    met = 60 - len(line.pending)
    assert met, "nobody asked"
    code = code_of(ask, fault)
    assert (fault, done.code) == (fault, code), done
    assert act.stands() == (0 if code else act.whole)
    if code and ask.command == "publish many":
        kinds = {result["error"]["code"] for result in done.json["results"]}
        assert kinds == {CODES[fault]}

    line.forget()
    line.order(fault, method=ask.method, key=ask.key)
    done = bounded(act)
    assert (fault, done.code) == (fault, code_once(ask, fault)), done
    line.forget()
    if done.code:
        assert bounded(act).code == 0
    assert act.stands() == act.whole


def bounded(act: Act) -> Finished:
    """Run it: it ends soon, and what it says holds no secret and no traceback."""
    since = time.monotonic()
    done = act.run()
    assert time.monotonic() - since < SECONDS
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "bug in everyskill" not in said
    assert not [secret for secret in act.secrets if secret in said]
    assert bool(done.code) <= ("hint" in said or "fix" in said)
    return done


def faults_of(ask: Ask, every: int) -> list[Fault]:
    """A request's every n-th fault, from another offset for each request."""
    faults = [fault for fault in CODES if ask.method in fault.methods]
    return faults[2 * ASKS.index(ask) % every :: every]


def try_all(bench: Bench, line: FaultProxy, ask: Ask, every: int, count: Count) -> None:
    faults = faults_of(ask, every)
    for fault in faults:
        try_fault(bench, line, ask, fault)
    count("S3 fault matrix", cells=len(faults), faults=2 * len(faults))


def test_the_short_form_meets_every_fault():
    met = {fault for ask in ASKS for fault in faults_of(ask, EVERY)}
    assert met == set(Fault) - {Fault.PASS} == CODES.keys()


@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_every_fifth_fault(ask, bench, line, count):
    try_all(bench, line, ask, EVERY, count)


@pytest.mark.long
@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_every_fault(ask, bench, line, count):
    try_all(bench, line, ask, 1, count)
