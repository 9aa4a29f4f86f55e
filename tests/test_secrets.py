"""Secrets and hidden text: each kind is found, no placeholder is, and none is ever shown."""

from __future__ import annotations

import hashlib
import random
import re
import string
import time

import pytest

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.skill import secrets
from everyskill_cli.skill.files import SkillFile
from everyskill_cli.skill.secret_kinds import KINDS
from everyskill_cli.skill.secrets import check_secrets

NONE: frozenset[str] = frozenset()
WORD = string.ascii_letters + string.digits
# Made up here and never whole in this file, so that no scanner takes them for real ones.
_random = random.Random(20)


def token(length: int, alphabet: str = WORD) -> str:
    while True:
        made = "".join(_random.choices(alphabet, k=length))
        if not secrets._PLACEHOLDER.search(made.encode()):
            return made


def pem(kind: str, *, newline: str = "\n", headers: str = "") -> str:
    lines = [token(64) for _ in range(3)]
    return newline.join(
        [f"-----BEGIN {kind}-----", *headers.split(), *lines, f"-----END {kind}-----"]
    )


TOKENS = [
    ("secret-private-key", pem("PRIVATE " + "KEY")),
    ("secret-private-key", pem("RSA PRIVATE " + "KEY", newline="\r\n")),
    ("secret-private-key", pem("OPENSSH PRIVATE " + "KEY", newline="\\n")),
    ("secret-private-key", "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\nVersion: GnuPG v2\n\n"
     + token(64)),
    ("secret-private-key", "-----BEGIN EC PRIVATE " + "KEY-----\nProc-Type: 4,ENCRYPTED\n"
     "DEK-Info: AES-128-CBC,00\n\n" + token(64)),
    ("secret-aws-key-id", "AKIA" + token(16, string.ascii_uppercase + "234567")),
    ("secret-aws-key-id", "ASIA" + token(16, string.ascii_uppercase + "234567")),
    ("secret-access-key", "AWS_SECRET_ACCESS_" + "KEY=" + token(40, WORD + "/+")),
    ("secret-access-key", "aws_secret_access_" + "key = '" + token(40, WORD + "/+") + "'"),
    ("secret-access-key", '"SecretAccess' + 'Key": "' + token(40, WORD + "/+") + '"'),
    ("secret-access-key", "secretAccess" + "Key: '" + token(40, WORD + "/+") + "'"),
    ("secret-access-key", "R2_SECRET_ACCESS_" + "KEY: " + token(64, "0123456789abcdef")),
    ("secret-access-key", "secret-access-" + "key: " + token(40, WORD + "/+")),
    *[("secret-github-token", f"gh{kind}_" + token(36)) for kind in "pousr"],
    ("secret-github-token", "github_pat_" + token(22) + "_" + token(59)),
    *[("secret-gitlab-token", f"gl{kind}-" + token(20))
      for kind in ("agent", "cbt", "dt", "ft", "imt", "oas", "pat", "ptt", "rt", "soat")],
    ("secret-slack-token", "xoxb-" + token(12, "23456789") + "-" + token(13, "23456789") + "-"
     + token(24)),
    ("secret-slack-token", "xoxe.xoxp-1-" + token(160)),
    ("secret-slack-token", "xapp-1-A" + token(10, "ABCDEF23") + "-" + token(13, "23456789") + "-"
     + token(64, "0123456789abcdef")),
    ("secret-slack-webhook", "https://hooks.slack." + "com/services/T" + token(8, "ABCDEF23") + "/B"
     + token(8, "ABCDEF23") + "/" + token(24)),
    ("secret-google-key", "AIza" + token(35)),
    ("secret-google-key", "GOCSPX-" + token(28)),
    ("secret-openai-key", "sk-" + token(20) + "T3Blbk" + "FJ" + token(20)),
    ("secret-openai-key", "sk-proj-" + token(74) + "T3Blbk" + "FJ" + token(74)),
    ("secret-anthropic-key", "sk-ant-api03-" + token(93) + "AA"),
    ("secret-stripe-key", "sk_live_" + token(24)),
    ("secret-stripe-key", "rk_live_" + token(99)),
    ("secret-npm-token", "npm_" + token(36)),
    ("secret-pypi-token", "pypi-AgEIcHlw" + "aS5vcmc" + token(150)),
    ("secret-hugging-face-token", "hf_" + token(34, string.ascii_letters)),
    *[("secret-cloudflare-token", f"cf{kind}_" + token(40) + token(8, "0123456789abcdef"))
      for kind in ("k", "ut", "at")],
]  # fmt: skip


def one(text: str | bytes, path: str = "a.md") -> list[SkillFile]:
    return [SkillFile(path, text.encode() if isinstance(text, str) else text, executable=False)]


def refusal(files: list[SkillFile], allowed: frozenset[str] = NONE) -> InvalidSkill:
    with pytest.raises(InvalidSkill) as caught:
        check_secrets(files, allowed)
    return caught.value


def identities(error: InvalidSkill) -> list[str]:
    return re.findall(r"--allow-secret ([0-9a-f]{12})\b", error.hint)


@pytest.mark.parametrize(("rule", "text"), TOKENS)
def test_every_kind_is_found_anywhere_and_never_shown(rule: str, text: str):
    for before, after in (("", ""), ("Use\n\u00e9 '", "' now\n"), ("x=", ";"), ("(", ")")):
        error = refusal(one(before + text + after))
        assert error.rule == rule
        said = error.message + error.hint
        for part in re.findall(r"[A-Za-z0-9/+]{16,}", text):
            assert part not in said
        assert check_secrets(one(before + text + after), frozenset(identities(error)))


def test_every_rule_has_a_token_here():
    assert {rule for rule, _ in TOKENS} == {kind.rule for kind in KINDS}


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws_secret_access_key = YOUR_SECRET_ACCESS_KEY",
        "R2_SECRET_ACCESS_KEY=${{ secrets.R2_SECRET_ACCESS_KEY }}",
        "sk-...",
        "sk-ant-api03-...",
        "sk-proj-" + "x" * 48,
        "OPENAI_API_KEY=sk-your-key-here",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_" + "X" * 36,
        "ghp_" + "0" * 36,
        "glpat-XXXXXXXXXXXXXXXXXXXX",
        "glpat-xxxxxxxxxxxxxxxxxxxx",
        "xoxb-your-token-here-and-more-of-it",
        "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "AIzaSyA1B2C3D4E5F6G7H8I9J0K1L2M3N4O5P6Q",
        "AIzaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "npm_config_registry and npm_lifecycle_event_of_a_very_long_name",
        "npm_" + "x" * 36,
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "-----BEGIN PRIVATE " + "KEY-----\n...\n-----END PRIVATE " + "KEY-----",
        "-----BEGIN RSA PRIVATE " + "KEY-----\n<your key>\n-----END RSA PRIVATE " + "KEY-----",
        "grep -r 'BEGIN PRIVATE " + "KEY' .",
        "-----BEGIN PUBLIC KEY-----\n" + token(64),
        "-----BEGIN CERTIFICATE-----\n" + token(64),
        "task-management-system-with-a-long-name risk-assessment-framework",
        "cfut_[40 characters][checksum]",
        "sha256:" + hashlib.sha256(b"").hexdigest(),
    ],
)
def test_documentation_raises_no_alarm(text: str):
    assert check_secrets(one(f"Set `{text}` first.\n{text}\n"), NONE) == ()


@pytest.mark.parametrize("name", [".env", "config/.env", ".env.local", ".env.production", ".ENV"])
def test_env_files(name: str):
    error = refusal(one("DEBUG=1\n", name))
    assert (error.rule, error.path) == ("env-file", name)
    assert check_secrets(one("DEBUG=1\n", name), frozenset(identities(error))) == tuple(
        identities(error)
    )


@pytest.mark.parametrize(
    "name", [".env.example", ".env.sample", "a/.env.template", ".env.local.example", "env", "a.env"]
)
def test_what_is_no_env_file(name: str):
    assert check_secrets(one("DEBUG=1\n", name), NONE) == ()


@pytest.mark.parametrize("code", [0x202A, 0x202E, 0x2066, 0x2069, 0xE0001, 0xE0041, 0xE007F])
def test_hidden_characters(code: int):
    error = refusal(one(f"one\ntwo\nthree {chr(code)} four\n"))
    assert (error.rule, error.line) == ("hidden-unicode", 3)
    assert chr(code) not in error.message + error.hint


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧‍👦 ❤️ 🏳️‍🌈 👍🏽",
        "".join(map(chr, (0x1F3F4, 0xE0067, 0xE0062, 0xE0065, 0xE006E, 0xE0067, 0xE007F))),
        "\u05e2\u05d1\u05e8 \u200f\u0627\u0644\u200e",
        "naïve – “quotes” … 日本語 \u2028",
    ],
)
def test_emoji_flags_and_scripts_are_not_hidden(text: str):
    assert check_secrets(one(text), NONE) == ()


def test_bytes_that_are_no_text_hold_no_hidden_text():
    assert check_secrets(one(b"\x89PNG\xff\xe2\x80\xae\xf3\xa0\x81\x81"), NONE) == ()


def test_an_allowed_finding_stays_allowed_until_the_secret_changes():
    secret = "ghp_" + token(36)
    (identity,) = identities(refusal(one(f"a {secret}")))
    allowed = frozenset({identity, "000000000000"})
    moved = one(f"line\nline\nb {secret} c", "elsewhere/b.md")
    assert check_secrets(moved, allowed) == (identity,)
    changed = refusal(one("a ghp_" + token(36)), allowed)
    assert identities(changed) != [identity]


def test_an_allowed_hidden_character_allows_its_line_alone():
    text = "right \u202e left\n"
    (identity,) = identities(refusal(one(text)))
    assert check_secrets(one(text), frozenset({identity})) == (identity,)
    assert refusal(one(text + "more \u202e of it\n"), frozenset({identity})).line == 2


def test_all_findings_are_named_at_once():
    first, second = "ghp_" + token(36), "npm_" + token(36)
    files = [*one("KEY=1", ".env"), *one(f"{first}\n{first}\n{second}", "b.md")]
    error = refusal(files)
    assert (error.rule, error.path, error.line) == ("env-file", ".env", 1)
    assert "an npm token in b.md line 3" in error.hint
    assert check_secrets(files, frozenset(identities(error))) == tuple(sorted(identities(error)))
    assert len(identities(error)) == 3


def test_many_findings_are_cut_short():
    error = refusal(one("\n".join("ghp_" + token(36) for _ in range(100))))
    assert len(identities(error)) == 10
    assert error.hint.endswith("and more")


@pytest.mark.parametrize(
    "text",
    [
        "A" * 5_000_000,
        "_" * 5_000_000,
        "-" * 5_000_000,
        "-----BEGIN PRIVATE " + "KEY-----\n" * 200_000,
        ("-----BEGIN PRIVATE " + "KEY-----\n" + ("Aaaa: x" + "\r" * 98 + "\n") * 4 + "!") * 8_000,
        "sk-" * 1_500_000 + "T3Blbk" + "FJ",
        ("sk-" + "a" * 140 + " ") * 15_000 + "T3Blbk" + "FJ",
        "ghp_" * 1_200_000,
        ("ghp_" + "a" * 300 + "-") * 30_000,
        "xoxb-1-" * 1_200_000,
        "\u202e" * 1_500_000,
        "AWS_SECRET_ACCESS_" + "KEY" + " " * 5_000_000,
        "gl" * 2_000_000 + "pat-",
    ],
    ids=lambda text: f"{text[:12]!a}",
)  # fmt: skip
def test_no_text_holds_it_up(text: str):
    start = time.process_time()
    try:
        check_secrets(one(text), NONE)
    except InvalidSkill as error:
        assert len(error.hint) < 2_000
    assert time.process_time() - start < 2
