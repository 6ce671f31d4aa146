"""TLS with registries on this machine: spoken where they speak it, left out where they don't, and decided first."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from mini_project import Mini, mini  # noqa: F401  fixture
from model_devops.adapters.registry import tls
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from model_devops.adapters.registry.credentials import Login
from model_devops.adapters.registry.session import Session
from model_devops.errors import UnreachableError
from receivers import ca_file
from registries import distribution
from token_server import HTPASSWD, SECRET, USER


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def encrypted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on 127.0.0.1 that speaks nothing but TLS and asks for a password."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "htpasswd").write_text(HTPASSWD)
    pair = authority.issue_cert("127.0.0.1")
    pair.private_key_pem.write_to_path(str(folder / "key.pem"))
    pair.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    auth = f"auth: {{htpasswd: {{realm: tests, path: '{folder}/htpasswd'}}}}"
    more = f", tls: {{certificate: '{folder}/cert.pem', key: '{folder}/key.pem'}}"
    with distribution(folder / "registry", auth=auth, more=more) as address:
        yield address


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tls, "CERTIFICATES", tmp_path / "certs.d")


def client_of(host: str, asked: list[str]) -> Client:
    """`asked` gets the hosts that a login was looked for."""

    def login(name: str) -> Login:
        asked.append(name)
        return Login(USER, SECRET, "the test")

    return Client(parse(f"oci://{host}/team/x"), Session(host, login=login, pause=lambda _: None))


@pytest.mark.parametrize("way", ["SSL_CERT_FILE", "certs.d"])
def test_a_registry_on_this_machine_that_speaks_tls_is_spoken_to_so(
    encrypted: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    file = ca_file(authority, tmp_path)
    if way == "certs.d":
        (tmp_path / "certs.d" / encrypted).mkdir(parents=True)
        Path(file).rename(tmp_path / "certs.d" / encrypted / "ca.crt")
    else:
        monkeypatch.setenv(way, file)
    asked: list[str] = []
    client = client_of(encrypted, asked)
    digest = client.put_blob(b"x")
    assert (client.blob_size(digest), asked) == (1, [encrypted])


def test_one_whose_certificate_isn_t_trusted_is_not_spoken_to_without_tls(encrypted: str) -> None:
    asked: list[str] = []
    with pytest.raises(UnreachableError, match="is not trusted: ") as refused:
        client_of(encrypted, asked).put_blob(b"x")
    assert refused.value.kind == "certificate"
    assert asked == [], "nobody logs in where it isn't clear with whom"


def test_where_authorities_are_kept_for_a_host_nothing_else_than_tls_will_do(tmp_path: Path) -> None:
    with distribution(tmp_path / "plain") as address:
        client_of(address, []).put_blob(b"x")
        (tmp_path / "certs.d" / address).mkdir(parents=True)
        with pytest.raises(UnreachableError, match="speaks no TLS"):
            client_of(address, []).put_blob(b"x")


@contextmanager
def server(act: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that does this to one connection. Yields its HOST:PORT."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                act(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
"""Handshake failure."""


@pytest.mark.parametrize(
    ("act", "plain"),
    [
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), True),
        (lambda connection: connection.close(), True),
        (lambda connection: connection.recv(1), True),
        (lambda connection: connection.sendall(ALERT), False),
    ],
    ids=["plain words", "hangs up", "says nothing", "refuses in TLS"],
)
def test_only_an_answer_that_is_no_tls_means_that_there_is_none(
    act: Callable[[socket.socket], object], plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "PATIENCE", 0.5)
    with server(act) as host:
        assert tls.is_plain(host) is plain


def test_where_nobody_listens_nothing_is_decided_and_elsewhere_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with distribution(tmp_path / "gone") as address:
        other = address.replace("127.0.0.1", "127.1")  # this machine too, by a name that isn't known to be
        assert (tls.is_plain(address), tls.is_plain(other)) == (True, False)
        monkeypatch.setenv("MODEL_DEVOPS_PLAIN_HTTP", other)
        assert tls.is_plain(other) is True
    assert tls.is_plain(address) is None


def test_a_whole_build_in_a_registry_with_tls_on_this_machine(
    mini: Mini,  # noqa: F811
    encrypted: str,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    mini.commit(**{"model.yaml": f"store: oci://{encrypted}/team\n" + (mini.folder / "model.yaml").read_text()})
    login = {"MODEL_DEVOPS_REGISTRY_USER": USER, "MODEL_DEVOPS_REGISTRY_PASSWORD": SECRET}
    untrusted = mini.build(**login)
    assert (untrusted["code"], untrusted["error"]["kind"]) == (8, "certificate"), untrusted["err"]
    trusting = login | {"SSL_CERT_FILE": ca_file(authority, tmp_path)}
    assert mini.build(**trusting)["code"] == 0
    assert mini.run("release", "verify", **trusting)["code"] == 0
