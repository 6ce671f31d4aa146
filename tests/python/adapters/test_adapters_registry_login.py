"""Who we are to a registry: tokens, passwords, and where they are found; never told to anybody else."""

import base64
import hashlib
import json
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from fault_proxy import Exchange, Proxy, proxied, resets, resets_after_asking, retold, says, says_early
from model_devops.adapters.registry import tls
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from model_devops.adapters.registry.session import ATTEMPTS, Session
from model_devops.errors import ModelDevopsError, RefusedError, UnreachableError, UsageError
from receivers import ca_file, server_tls
from registries import distribution
from token_server import HTPASSWD, LEEWAY, SECRET, USER, TokenServer, forms, token_server

DATA = b"d" * 2_000_000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with token_server(tmp_path_factory.mktemp("tokens")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tokens: TokenServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that asks for tokens."""
    with distribution(tmp_path_factory.mktemp("registry"), auth=tokens.auth) as address:
        yield address


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that asks for a password."""
    folder = tmp_path_factory.mktemp("basic")
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: tests, path: '{folder}/htpasswd'}}}}"
    with distribution(folder / "registry", auth=auth) as address:
        yield address


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No login of whoever runs the tests, and token servers as they were."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if "tokens" in request.fixturenames:
        server: TokenServer = request.getfixturevalue("tokens")
        server.writers, server.lives, server.answers, server.asked = {USER}, [], [], []


@pytest.fixture
def logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_USER", USER)
    monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_PASSWORD", SECRET)


def client_of(host: str, path: str = "team/x") -> Client:
    address = parse(f"oci://{host}/{path}")
    return Client(address, Session(address.host, pause=lambda _: None))


def clean(*texts: object) -> None:
    for form in forms():
        assert not [text for text in texts if form in str(text)]


def coded(user: str = USER, secret: str = SECRET) -> str:
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


@dataclass
class Place:
    """Where logins may be left."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    host: str

    def variables(self) -> None:
        self.monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_USER", USER)
        self.monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_PASSWORD", SECRET)

    def variables_for_the_host(self) -> None:
        self.variables()
        self.monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_HOST", self.host)

    def docker(self, folder: str = ".docker") -> None:
        self._write(f"{folder}/config.json", {"auths": {self.host: {"auth": coded()}}})

    def docker_config(self) -> None:
        self.monkeypatch.setenv("DOCKER_CONFIG", str(self.folder / "elsewhere"))
        self.docker("elsewhere")

    def identity_token(self) -> None:
        auth = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()
        entry = {"auth": auth, "identitytoken": SECRET}
        self._write(".docker/config.json", {"auths": {self.host: entry}})

    def podman(self) -> None:
        self.monkeypatch.setenv("XDG_RUNTIME_DIR", str(self.folder))
        self._write("containers/auth.json", {"auths": {self.host: {"auth": coded()}}})

    def auth_file(self) -> None:
        self.monkeypatch.setenv("REGISTRY_AUTH_FILE", str(self.folder / "auth.json"))
        self._write("auth.json", {"auths": {self.host: {"auth": coded()}}})

    def helper_of_the_host(self) -> None:
        self._helper({"credHelpers": {self.host: "tests"}})

    def helper_of_all(self) -> None:
        self._helper({"credsStore": "tests", "auths": {self.host: {}}})

    def _helper(self, config: dict) -> None:
        answer = json.dumps({"ServerURL": self.host, "Username": USER, "Secret": SECRET})
        script(self.folder, f"cat > '{self.folder}/asked'; cat <<'END'\n{answer}\nEND\n")
        self.monkeypatch.setenv("PATH", str(self.folder / "bin"), prepend=":")
        self._write(".docker/config.json", config)

    def _write(self, name: str, document: dict) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True, parents=True)
        (self.folder / name).write_text(json.dumps(document))


def script(folder: Path, text: str) -> None:
    """A credential helper with this answer."""
    helper = folder / "bin" / "docker-credential-tests"
    helper.parent.mkdir(exist_ok=True)
    helper.write_text(f"#!/bin/sh\n{text}")
    helper.chmod(stat.S_IRWXU)


PLACES = [
    "variables",
    "variables_for_the_host",
    "docker",
    "docker_config",
    "podman",
    "auth_file",
    "helper_of_the_host",
    "helper_of_all",
]


@pytest.mark.parametrize("kind", ["guarded", "basic"])
@pytest.mark.parametrize("place", PLACES)
def test_a_login_is_found_where_people_leave_it(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, place: str
) -> None:
    host = request.getfixturevalue(kind)
    with pytest.raises(RefusedError, match="whoever does not log in") as refused:
        client_of(host).tags()
    assert refused.value.kind == "denied"
    assert f"docker login {host}" in str(refused.value.hint)
    getattr(Place(tmp_path, monkeypatch, host), place)()
    client = client_of(host)
    client.put_blob(DATA)
    assert client.blob_size(DIGEST) == len(DATA)


def test_an_identity_token_is_exchanged(
    guarded: str, tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Place(tmp_path, monkeypatch, guarded).identity_token()
    client_of(guarded).put_blob(DATA)
    assert tokens.asked == [("POST", "repository:team/x:pull,push")]


def test_variables_for_another_host_are_not_sent(
    guarded: str, tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, monkeypatch, "registry.example.com")
    place.variables_for_the_host()
    with pytest.raises(RefusedError, match="whoever does not log in"):
        client_of(guarded).tags()
    Place(tmp_path, monkeypatch, guarded).docker()  # what is found for this host counts then
    client_of(guarded).try_writing()


@pytest.mark.parametrize("kind", ["guarded", "basic"])
def test_a_wrong_password_is_told_without_it(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    host = request.getfixturevalue(kind)
    monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_USER", USER)
    monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_PASSWORD", wrong := SECRET + "x")
    with pytest.raises(RefusedError, match=rf"{host} refuses {USER} \(from MODEL_DEVOPS_REGISTRY_USER\)") as refused:
        client_of(host).tags()
    assert "check that the login is right" in str(refused.value.hint)
    assert wrong not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("missing", ["USER", "PASSWORD"])
def test_half_a_login_is_a_usage_error(
    basic: str, monkeypatch: pytest.MonkeyPatch, logged_in: None, missing: str
) -> None:
    monkeypatch.delenv(f"MODEL_DEVOPS_REGISTRY_{missing}")
    with pytest.raises(UsageError, match=f"MODEL_DEVOPS_REGISTRY_{missing} is not set"):
        client_of(basic).tags()


def test_who_may_not_push_is_told_so(guarded: str, tokens: TokenServer, logged_in: None) -> None:
    tokens.writers = set()
    client = client_of(guarded)
    assert client.tags() == []
    with pytest.raises(RefusedError, match=f"refuses {USER}") as refused:
        client.try_writing()
    assert (refused.value.code, refused.value.kind) == (4, "denied")
    assert "may do this" in str(refused.value.hint)


def test_trying_to_write_takes_no_right_to_delete_and_leaves_no_upload(
    tokens: TokenServer, tmp_path: Path, logged_in: None
) -> None:
    with distribution(tmp_path, auth=tokens.auth) as host:
        client_of(host).try_writing()
        assert not list((tmp_path / "data").rglob("_uploads/*"))
    assert tokens.asked == [("GET", "repository:team/x:pull,push")]


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"HOST": {"auth": "no base64!"}}}', '{"auths": "x"}'])
def test_a_file_of_logins_that_is_damaged_is_named(basic: str, tmp_path: Path, text: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(text.replace("HOST", basic))
    with pytest.raises(ModelDevopsError) as wrong:
        client_of(basic).tags()
    assert ".docker/config.json" in str(wrong.value) or wrong.value.kind == "denied"


@pytest.mark.parametrize("text", ["echo no; exit 1\n", "echo '{'\n", "echo '[]'\n", "kill -9 $$\n"])
def test_a_helper_that_fails_is_told_in_words(
    basic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    Place(tmp_path, monkeypatch, basic).helper_of_the_host()
    script(tmp_path, text)
    with pytest.raises(UsageError, match=r"config\.json: the login for") as wrong:
        client_of(basic).tags()
    assert wrong.value.kind == "credentials"


def test_a_token_that_ends_in_the_middle_is_renewed(guarded: str, tokens: TokenServer, logged_in: None) -> None:
    tokens.lives = [2 - LEEWAY]
    ends = time.time() + 3

    def until_it_ended(exchange: Exchange) -> None:
        while time.time() < ends:
            time.sleep(0.05)
        exchange.passed_on()

    with proxied(guarded) as proxy:
        proxy.on("PUT", "/uploads/", until_it_ended)
        client = client_of(proxy.address)
        client.put_blob(DATA)
        assert client.blob_size(DIGEST) == len(DATA)
    assert [scope for _, scope in tokens.asked].count("repository:team/x:pull,push") == 2


@pytest.mark.parametrize("answer", [(429, b""), (503, b""), (500, b"<html>")])
def test_a_tired_token_server_is_asked_again(
    guarded: str, tokens: TokenServer, logged_in: None, answer: tuple[int, bytes]
) -> None:
    tokens.answers = [answer] * 3
    client_of(guarded).try_writing()
    tokens.answers = [answer] * ATTEMPTS
    with pytest.raises(UnreachableError, match="gave no token"):
        client_of(guarded).tags()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[" * 100_000, b'{"token": 1}', b'{"token": "a\\nHost: x"}', b'{"token": ""}']
)
def test_a_token_that_is_none_is_told_in_words(guarded: str, tokens: TokenServer, logged_in: None, body: bytes) -> None:
    tokens.answers = [(200, body)]
    with pytest.raises(UnreachableError, match="gave no token"):
        client_of(guarded).tags()


def told(proxy: Proxy) -> list[str]:
    return [seen.headers["authorization"] for seen in proxy.seen if "authorization" in seen.headers]


@pytest.mark.parametrize("kind", ["guarded", "basic"])
def test_the_login_does_not_follow_to_another_host(request: pytest.FixtureRequest, logged_in: None, kind: str) -> None:
    host = request.getfixturevalue(kind)
    client_of(host).put_blob(DATA)
    with proxied(host) as proxy, proxied(host) as other:
        away = f"http://{other.address}/v2/team/x/blobs/{DIGEST}"
        other.on("GET", "/blobs/", says(200, DATA), times=2)
        client = client_of(proxy.address)
        client.tags()
        proxy.on("GET", "/blobs/", says(307, Location=away))
        with client.blob(DIGEST) as stream:
            assert stream.read(len(DATA) + 1) == DATA
        assert told(proxy)
        assert told(other) == []


def test_another_host_that_asks_who_we_are_is_told_nothing(guarded: str, tokens: TokenServer, logged_in: None) -> None:
    with proxied(guarded) as proxy, proxied(guarded) as other:
        client = client_of(proxy.address)
        client.tags()
        before = len(tokens.asked)
        challenge = f'Bearer realm="http://{other.address}/token",service="x"'
        other.on("GET", "/blobs/", says(401, WWW_Authenticate=challenge), times=9)
        proxy.on("GET", "/blobs/", says(307, Location=f"http://{other.address}/v2/team/x/blobs/{DIGEST}"), times=9)
        with pytest.raises(RefusedError), client.blob(DIGEST) as stream:
            stream.read(1)
        assert told(other) == []
        assert len(tokens.asked) == before
        assert not other.all("GET", "/token")


def test_an_upload_on_another_host_is_sent_without_the_login(guarded: str, logged_in: None) -> None:
    with proxied(guarded) as proxy, proxied(guarded) as other:
        away = f"http://{other.address}/upload"
        other.on("PUT", "/upload", says(201))
        proxy.on("POST", "/uploads/", retold("location", lambda _: away), after=1)
        client_of(proxy.address).put_blob(DATA)
        assert (told(other), other.seen[0].taken) == ([], len(DATA))


@pytest.mark.parametrize("realm", ["http://tokens.example/", "", "ftp://x/", "http://[bad", "/token"])
def test_nobody_logs_in_without_tls_or_nowhere(guarded: str, logged_in: None, realm: str) -> None:
    with proxied(guarded) as proxy:
        proxy.on("GET", "/tags/", says(401, WWW_Authenticate=f'Bearer realm="{realm}"'))
        with pytest.raises(RefusedError, match="to log in"):
            client_of(proxy.address).tags()


def test_words_that_repeat_the_login_are_not_repeated(basic: str, logged_in: None) -> None:
    for form in [*forms(), SECRET]:
        words = json.dumps({"errors": [{"code": "DENIED", "message": f"<{form}>"}]}).encode()
        for status in (403, 400, 404, 409):
            with proxied(basic) as proxy:
                client = client_of(proxy.address)
                client.tags()
                proxy.on("POST", "/uploads/", says(status, words))
                with pytest.raises(ModelDevopsError) as refused:
                    client.try_writing()
            clean(refused.value, refused.value.hint, repr(client))


@pytest.mark.parametrize("act", [resets, resets_after_asking, says(503), says_early(429, Retry_After="1")])
def test_a_fault_while_logging_in_is_overcome(guarded: str, logged_in: None, act: object) -> None:
    with proxied(guarded) as proxy:
        proxy.on("POST", "/uploads/", act)
        proxy.on("POST", "/uploads/", act, after=1)
        client_of(proxy.address).put_blob(DATA)


#: A name of this machine for which TLS is spoken: those that everybody writes are spoken to without.
NAME = "127.1"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(basic: str, authority: trustme.CA) -> Iterator[Proxy]:
    """A proxy that speaks TLS for a registry that knows nothing of it, and so gives addresses without."""
    context = server_tls(authority)
    authority.issue_cert(NAME).configure_cert(context)
    with proxied(basic, context) as proxy:
        proxy.address = proxy.address.replace("127.0.0.1", NAME)
        yield proxy


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "certs.d"])
def test_an_own_authority_is_trusted(
    secure: Proxy,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logged_in: None,
    variable: str,
) -> None:
    with pytest.raises(UnreachableError, match="is not trusted: ") as untrusted:
        client_of(secure.address).try_writing()
    assert (untrusted.value.kind, secure.seen) == ("certificate", [])
    file = ca_file(authority, tmp_path)
    if variable == "certs.d":
        (tmp_path / secure.address).mkdir()
        Path(file).rename(tmp_path / secure.address / "ca.crt")
        monkeypatch.setattr(tls, "CERTIFICATES", tmp_path)
    else:
        monkeypatch.setenv(variable, file)
    client = client_of(secure.address)
    client.put_blob(DATA)  # the registry's Location says http: it is followed with TLS
    assert client.blob_size(DIGEST) == len(DATA)
    assert all("authorization" in seen.headers for seen in secure.seen[1:])


def test_a_certificate_for_another_name_is_not_trusted(
    basic: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ca_file(authority, tmp_path))
    with proxied(basic, server_tls(authority)) as proxy:
        with pytest.raises(UnreachableError, match=r"is not trusted: .*mismatch"):
            client_of(proxy.address.replace("127.0.0.1", NAME)).tags()
        assert proxy.seen == []


def test_who_speaks_no_tls_is_told_how_that_is_allowed(basic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = basic.replace("127.0.0.1", NAME)
    with pytest.raises(UnreachableError, match="speaks no TLS") as refused:
        client_of(host).tags()
    assert f"MODEL_DEVOPS_PLAIN_HTTP={host}" in str(refused.value.hint)
    monkeypatch.setenv("MODEL_DEVOPS_PLAIN_HTTP", f"other.example, {host}")
    with pytest.raises(RefusedError, match="whoever does not log in"):
        client_of(host).tags()


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_bundle_without_certificates_is_named(
    secure: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "bundle.pem").write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    with pytest.raises(UsageError, match=r"bundle\.pem holds no certificates"):
        client_of(secure.address).tags()
