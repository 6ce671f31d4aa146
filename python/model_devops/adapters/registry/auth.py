"""Answering a registry that asks who we are: Basic, or a token from its token server (Bearer).

https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from model_devops.adapters.documents import parsed
from model_devops.adapters.registry.address import may_be_plain
from model_devops.adapters.registry.credentials import PASSWORD, USER, Login
from model_devops.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from model_devops.adapters.registry.session import Answer

_PARAMETER = re.compile(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"')
_TOKEN = re.compile(r"[\x21-\x7e]+")
Send = Callable[[str, str, Mapping[str, str], bytes | None], "Answer"]
"""Method, address, headers, body → answer, read whole."""


@dataclass(repr=False)
class Authority:
    """The credentials for one registry, and the tokens that it gave for them."""

    host: str
    find: Callable[[str], Login | None]
    """Looks for the login of a host; asked at the first challenge, since many registries need none for reading."""
    _basic: str | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _login: list[Login | None] = field(default_factory=list)

    @property
    def login(self) -> Login | None:
        """Who we are there."""
        if not self._login:
            self._login.append(self.find(self.host))
        return self._login[0]

    def headers(self, scope: str) -> dict[str, str]:
        """What to send along with a request for this scope, as far as it is known yet."""
        value = self._tokens.get(scope) or self._basic
        return {"Authorization": value} if value else {}

    def answer(self, challenge: str, scope: str, sent: str | None, send: Send) -> None:
        """Meet a 401, so that `headers` fits afterwards. `sent`: the header that was refused.

        Raises RefusedError (kind `denied`) where that can't be done.
        """
        with self._lock:
            now = self._tokens.get(scope) or self._basic
            if now is not None and now != sent:
                return  # another thread was faster
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                self._tokens[scope] = "Bearer " + self._token(dict(_PARAMETER.findall(rest)), scope, send)
            elif scheme.lower() == "basic" and sent is None and self.login is not None:
                self._basic = _basic(self.login)
            else:
                raise self.denied()

    def denied(self, words: str = "") -> RefusedError:
        """The error where the registry does not let us."""
        login = self._login[0] if self._login else None
        who = f"{login.user or 'the token'} (from {login.source})" if login else "whoever does not log in"
        hint = f"`docker login {self.host}`, or set {USER} and {PASSWORD} (in Jenkins: registryCredentials)"
        if login:
            hint = f"check that the login is right and may do this; {hint}"
        return RefusedError(f"{self.host} refuses {who}{': ' + words if words else ''}", kind="denied", hint=hint)

    def without_secrets(self, words: str) -> str:
        """Words of a registry that may repeat what it was told."""
        login = self._login[0] if self._login else None
        secrets = [value.partition(" ")[2] for value in (*self._tokens.values(), self._basic or "")]
        if login is not None:
            plain = login.secret.encode()
            coded = [base64.b64encode(plain).decode(), base64.urlsafe_b64encode(plain).decode()]
            secrets += [
                login.secret,
                quote(login.secret),
                quote(login.secret, safe=""),
                quote_plus(login.secret),
                *coded,
            ]
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            words = words.replace(secret.rstrip("="), "***")
        return words

    def _token(self, asked: Mapping[str, str], scope: str, send: Send) -> str:
        realm = asked.get("realm", "")
        where = self._place(realm)
        fields = {"service": asked.get("service", ""), "scope": scope or asked.get("scope", "")}
        answer = send(*_question(realm, {key: value for key, value in fields.items() if value}, self.login))
        if answer.status in (400, 401, 403):
            raise self.denied()
        try:
            document = parsed(answer.data)
            token = document.get("token") or document["access_token"]
            if _TOKEN.fullmatch(token):
                return str(token)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise UnreachableError(f"{where} gave no token ({answer.status})", kind="registry")

    def _place(self, realm: str) -> str:
        """The host of a token server. Raises RefusedError where we must not tell it who we are."""
        try:
            parts = urlsplit(realm)
            if parts.netloc and (parts.scheme == "https" or (parts.scheme == "http" and may_be_plain(parts.netloc))):
                return parts.netloc
            where = f"to {parts.netloc or 'nowhere'} without TLS"
        except ValueError:
            where = "to an address that is none"
        raise RefusedError(f"{self.host} sends us {where} to log in", kind="denied")


def _question(
    realm: str, fields: dict[str, str], login: Login | None
) -> tuple[str, str, Mapping[str, str], bytes | None]:
    if login is not None and login.user is None:
        form = fields | {"grant_type": "refresh_token", "refresh_token": login.secret, "client_id": "model-devops"}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return "POST", realm, headers, urlencode(form).encode()
    query = [(key, value) for key, text in fields.items() for value in (text.split() if key == "scope" else [text])]
    joined = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
    return "GET", joined, {"Authorization": _basic(login)} if login else {}, None


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.user}:{login.secret}".encode()).decode()
