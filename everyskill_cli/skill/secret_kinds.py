"""The kinds of secrets that are looked for, and how to see quickly that a file has none.

Only formats that say what they are, with a fixed beginning and a length; sources are the
vendors' own pages. Public skills and their documentation raise no alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_END: Final = rb"(?![A-Za-z0-9_-])"
_BASE64_40: Final = rb"[\"']?\s{0,4}[:=]{1,2}\s{0,4}[\"']?(?P<token>[a-f0-9]{64}|[A-Za-z0-9/+]{40})"


@dataclass(frozen=True, slots=True)
class SecretKind:
    """One kind of secret.

    Attributes:
        what: what it is, for people.
        begins: how it can begin; each is searched for as it stands, which is what makes it fast.
        goes_on: pattern of what must follow. The secret is its group ``token``, if it has one,
            or else all that matched.
        apart: whether it must not begin in the middle of a word.
    """

    rule: str
    what: str
    begins: tuple[bytes, ...]
    goes_on: bytes
    apart: bool = True

    def patterns(self) -> Iterator[bytes]:
        """Give one pattern for each beginning."""
        for begin in self.begins:
            apart = rb"(?<![A-Za-z0-9_]" + rb"[\S\s]" * len(begin) + rb")" if self.apart else b""
            yield re.escape(begin) + apart + self.goes_on


KINDS: Final = (
    SecretKind(
        "secret-private-key",
        "a private key",
        (b"-----BEGIN ",),
        rb"(?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]|[\"'+,]){1,40}+"
        rb"(?:[A-Za-z-]{4,20}+: [^\r\n\\]{1,100}+(?:\s|\\[nr])++){0,4}+"
        rb"(?P<token>[A-Za-z0-9+/=]{40}[A-Za-z0-9+/=\s\\\"',]{0,16384})",
        apart=False,
    ),
    SecretKind(
        "secret-aws-key-id", "an AWS access key id", (b"AKIA", b"ASIA"), b"[A-Z2-7]{16}" + _END
    ),
    SecretKind(
        "secret-access-key",
        "an AWS or R2 secret access key",
        (b"SECRET_ACCESS_KEY", b"secret_access_key", b"secret-access-key", b"ecretAccessKey"),
        _BASE64_40 + rb"(?![A-Za-z0-9/+=])",
        apart=False,
    ),
    SecretKind(
        "secret-github-token", "a GitHub token", (b"gh",), b"[pousr]_[A-Za-z0-9]{36,255}" + _END
    ),
    SecretKind(
        "secret-github-token",
        "a GitHub token",
        (b"github_pat_",),
        b"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END,
    ),
    SecretKind(
        "secret-gitlab-token",
        "a GitLab token",
        (b"gl",),
        b"(?:agent|cbt|dt|ft|imt|oas|pat|ptt|rt|soat)-[A-Za-z0-9_-]{20,300}",
    ),
    SecretKind(
        "secret-slack-token",
        "a Slack token",
        (b"xox",),
        rb"[abeoprs](?:\.xox[bp])?-[0-9]{1,14}-[A-Za-z0-9-]{20,250}",
    ),
    SecretKind(
        "secret-slack-token",
        "a Slack token",
        (b"xapp-",),
        b"[0-9]-[A-Z0-9]{8,14}-[0-9]{8,16}-[a-f0-9]{32,128}",
    ),
    SecretKind(
        "secret-slack-webhook",
        "a Slack webhook",
        (b"hooks.slack.com/",),
        rb"(?:services|workflows)/T[A-Z0-9]{6,14}/[AB][A-Z0-9]{6,14}/(?P<token>[A-Za-z0-9/]{20,64})",
    ),
    SecretKind("secret-google-key", "a Google API key", (b"AIza",), b"[A-Za-z0-9_-]{35}" + _END),
    SecretKind("secret-google-key", "a Google secret", (b"GOCSPX-",), b"[A-Za-z0-9_-]{28}" + _END),
    SecretKind(
        "secret-openai-key",
        "an OpenAI API key",
        (b"sk-",),
        b"(?<!-sk-)[A-Za-z0-9_-]{20,130}T3BlbkFJ[A-Za-z0-9_-]{20,120}",
    ),
    SecretKind(
        "secret-anthropic-key",
        "an Anthropic API key",
        (b"sk-ant-",),
        b"[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{80,200}",
    ),
    SecretKind(
        "secret-stripe-key",
        "a Stripe live key",
        (b"sk_live_", b"rk_live_"),
        b"[A-Za-z0-9]{24,255}" + _END,
    ),
    SecretKind("secret-npm-token", "an npm token", (b"npm_",), b"[A-Za-z0-9]{36}" + _END),
    SecretKind(
        "secret-pypi-token",
        "a PyPI token",
        (b"pypi-AgEIcHlwaS5vcmc", b"pypi-AgENdGVzdC5weXBpLm9yZw"),
        b"[A-Za-z0-9_-]{50,1000}",
    ),
    SecretKind(
        "secret-hugging-face-token", "a Hugging Face token", (b"hf_",), b"[A-Za-z0-9]{34}" + _END
    ),
    SecretKind(
        "secret-cloudflare-token",
        "a Cloudflare token",
        (b"cfk_", b"cfut_", b"cfat_"),
        b"[A-Za-z0-9_-]{40}[a-f0-9]{8}" + _END,
    ),
)

# A quick look that finds every file in which one of the kinds can be (tests prove it for each).
# A pattern that begins with one fixed byte costs 0.4 to 0.8 ns a byte, these four together 2; to
# look for every kind costs 20 and is done for the few files that are left.
QUICK: Final = (
    rb"_(?=[A-Za-z0-9]{20}|(?i:key))(?:(?<=gh[pousr]_)|(?<=_pat_)|(?<=[rs]k_live_)|(?<=npm_)"
    rb"|(?<=hf_)|(?<=cfk_)|(?<=cf[ua]t_)|(?<=(?i:secret_access)_))",
    rb"-(?=[A-Za-z0-9][A-Za-z0-9_-]{9}|(?i:key))(?:(?<=\bsk-)|(?<=\bgl[a-z]{2}-)"
    rb"|(?<=\bgl[a-z]{3}-)|(?<=\bgl[a-z]{4}-)|(?<=\bgl[a-z]{5}-)|(?<=xox[abeoprs]-)|(?<=xapp-)"
    rb"|(?<=GOCSPX-)|(?<=pypi-)|(?<=secret-access-))",
    rb"A(?=KIA|SIA|Iza|ccessKey|TE KEY)",
    rb"hooks\.slack\.com/",
)
