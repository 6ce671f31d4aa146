"""The registry's client on a network that breaks, and with registries that are tired or do things their own way."""

import contextlib
import email.utils
import hashlib
import io
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from fault_proxy import (
    Exchange,
    Proxy,
    alters,
    breaks_download,
    breaks_upload,
    cuts,
    flipped,
    is_silent,
    knows_no_ranges,
    proxied,
    resets,
    resets_after_asking,
    retold,
    says,
    says_early,
    without,
)
from model_devops.adapters.registry import session as sessions
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import INDEX, Client
from model_devops.adapters.registry.session import ATTEMPTS, Session
from model_devops.errors import RefusedError, UnreachableError

_numbers = itertools.count()
DATA = os.urandom(3_000_000)
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@dataclass
class Line:
    """A client, the proxy that it speaks to, and how long it was asked to wait."""

    proxy: Proxy
    client: Client
    pauses: list[float] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    """Digests that were looked at before and after bytes got their name."""

    def push(self, data: bytes = DATA, known: str | None = None, begun: str = "") -> str:
        @contextlib.contextmanager
        def opened(offset: int) -> Iterator[io.BytesIO]:
            stream = io.BytesIO(data)
            stream.seek(offset)
            yield stream

        return self.client.upload(len(data), opened, lambda _: None, self.checked.append, known, begun)

    def pull(self, digest: str = DIGEST) -> bytes:
        with self.client.blob(digest) as stream:
            return b"".join(iter(lambda: stream.read(1 << 16), b""))


def line_to(proxy: Proxy, path: str = "") -> Line:
    address = parse(f"oci://{proxy.address}/{path or f'faults/x{next(_numbers)}'}")
    pauses: list[float] = []
    return Line(proxy, Client(address, Session(address.host, pause=pauses.append)), pauses)


@pytest.fixture
def line(plain_registry: str) -> Iterator[Line]:
    with proxied(plain_registry) as proxy:
        yield line_to(proxy)


@pytest.fixture
def listing(referrers_registry: str) -> Iterator[Line]:
    """In front of a registry that lists referrers."""
    with proxied(referrers_registry) as proxy:
        yield line_to(proxy)


def in_a_second() -> str:
    return email.utils.formatdate(time.time() + 20, usegmt=True)


BREAKS = {
    "reset": resets,
    "500": says(500),
    "502": says(502),
    "503 with words": says(503, b'{"errors":[{"code":"UNAVAILABLE","message":"later"}]}'),
    "504, no JSON": says(504, b"<html>"),
    "429": says(429, Retry_After="7"),
    "answer lost": resets_after_asking,
}
SENDING = {
    "early 503": says_early(503),
    "early 429": says_early(429, Retry_After="7"),
    "broken in mid-blob": breaks_upload(1_000_000),
    "broken at once": breaks_upload(1),
    "broken before the end": breaks_upload(len(DATA) - 1),
    "broken and kept": breaks_upload(1_000_000, kept=True),
    "forgotten": says(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'),
    "out of order": says(416),
}


@pytest.mark.parametrize("known", [None, DIGEST], ids=["hashed", "known"])
@pytest.mark.parametrize("name", [*BREAKS, *SENDING])
def test_an_upload_goes_on_after_what_befalls_its_bytes(line: Line, name: str, known: str | None) -> None:
    line.proxy.on("PATCH", "/uploads/", (BREAKS | SENDING)[name])
    assert line.push(known=known) == DIGEST
    assert line.pull() == DATA
    assert line.checked == [DIGEST]
    assert 1 <= len(line.pauses) <= 2
    assert (line.pauses[0] >= 7) == ("429" in name)


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_upload_goes_on_after_what_befalls_its_begin_and_its_end(line: Line, method: str, name: str) -> None:
    line.proxy.on(method, "/uploads/", BREAKS[name])
    assert line.push() == DIGEST
    assert line.client.put_blob(b"small") == "sha256:" + hashlib.sha256(b"small").hexdigest()
    assert line.pull() == DATA


@pytest.mark.parametrize("small", [True, False])
def test_an_upload_that_was_forgotten_at_its_end_begins_anew(line: Line, small: bool) -> None:
    line.proxy.on("PUT", "/uploads/", says(404))
    digest = line.client.put_blob(DATA) if small else line.push()
    assert line.pull(digest) == DATA


@pytest.mark.parametrize("small", [True, False])
def test_a_registry_that_forgets_every_upload_is_given_up(line: Line, small: bool) -> None:
    line.proxy.on("PUT", "/uploads/", says(404), times=99)
    with pytest.raises(UnreachableError, match="forgets uploads"):
        _ = line.client.put_blob(b"x") if small else line.push()
    assert len(line.proxy.all("PUT")) == 3


def test_an_answer_that_was_lost_at_the_end_sends_nothing_twice(line: Line) -> None:
    line.proxy.on("PUT", "/uploads/", resets_after_asking)
    line.push()
    assert sum(seen.taken for seen in line.proxy.seen) == len(DATA)


def test_an_upload_is_taken_up_where_it_broke(line: Line) -> None:
    """The bytes that arrived are not sent again; only what was under way when it broke may be."""
    line.proxy.on("PATCH", "/uploads/", breaks_upload(2_000_000, kept=True))
    line.push()
    first, second = line.proxy.all("PATCH")
    assert (first.taken, second.taken) == (2_000_000, 1_000_000)
    assert second.headers["content-range"] == "2000000-2999999"
    assert line.pull() == DATA


def test_an_upload_that_gets_on_is_not_given_up_however_often_it_breaks(line: Line) -> None:
    line.proxy.on("PATCH", "/uploads/", breaks_upload(100_000, kept=True), times=3 * ATTEMPTS)
    line.push()
    assert line.pull() == DATA
    assert len(line.proxy.all("PATCH")) == 3 * ATTEMPTS + 1


def test_an_upload_that_never_gets_on_is_given_up(line: Line) -> None:
    line.proxy.on("PATCH", "/uploads/", breaks_upload(100_000), times=99)
    with pytest.raises(UnreachableError, match="can't be reached"):
        line.push()
    assert len(line.proxy.all("PATCH")) == ATTEMPTS


def test_nobody_waits_longer_for_an_upload_than_a_minute_at_a_time(line: Line) -> None:
    line.proxy.on("PATCH", "/uploads/", says(429, Retry_After="86400"))
    with pytest.raises(UnreachableError, match="answers 429"):
        line.push()
    assert line.pauses == []


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [("7", 7, 7.5), ("", 0.2, 0.5), ("soon", 0.2, 0.5), ("²", 0.2, 0.5), ("DATE", 17, 20.5), ("-5", 0.2, 0.5)],
)
def test_retry_after_is_kept_as_seconds_and_as_a_date(line: Line, wait: str, least: float, most: float) -> None:
    line.proxy.on("GET", "/tags/", says(429, Retry_After=in_a_second() if wait == "DATE" else wait))
    assert line.client.tags() == []
    (pause,) = line.pauses
    assert least <= pause <= most


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_registry_that_stays_tired_is_given_up_with_its_words(line: Line, status: int) -> None:
    words = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\\u001b[31m down"}]}'
    line.proxy.on("GET", "/tags/", says(status, words), times=99)
    with pytest.raises(UnreachableError, match=rf"answers {status}: TOOMANYREQUESTS slow \[31m down"):
        line.client.tags()
    assert len(line.proxy.seen) == ATTEMPTS
    assert line.pauses == sorted(line.pauses)


def test_silence_is_not_waited_for_without_end(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "READ", 0.2)
    line.client.try_writing()
    before = len(line.proxy.seen)
    line.proxy.on("GET", "/tags/", is_silent, times=99)
    with pytest.raises(UnreachableError, match="did not answer in time"):
        line.client.tags()
    assert len(line.proxy.seen) - before == sessions.SILENT


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for_without_end(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LONGEST_ANSWER", 0.3)

    def drips(exchange: Exchange) -> None:
        def drops() -> Iterator[bytes]:
            while not exchange.proxy.closing.wait(0.02):
                exchange.handler.wfile.flush()
                yield b" "

        exchange.answer(200, {}, drops(), length=1 << 24)

    line.proxy.on("GET", "/tags/", drips, times=99)
    with pytest.raises(UnreachableError, match="did not answer in time"):
        line.client.tags()


DOWNLOADS = {
    "in mid-blob": [breaks_download(1_234_567)],
    "before the first byte": [breaks_download(0)],
    "after the last byte": [breaks_download(len(DATA))],
    "cut in good order": [cuts(1_234_567)],
    "again and again": [breaks_download(100_000)] * (2 * ATTEMPTS),
    "and there are no ranges": [breaks_download(1_234_567), knows_no_ranges],
    "twice, and there are no ranges": [breaks_download(900_000), cuts(900_000), knows_no_ranges],
    "and the registry is tired": [cuts(5), says(503), says(429, Retry_After="7"), resets],
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_download_goes_on_where_it_broke(line: Line, name: str) -> None:
    line.push()
    for act in DOWNLOADS[name]:
        line.proxy.on("GET", "/blobs/", act)
    assert line.pull() == DATA
    assert all(not fault.times for fault in line.proxy.faults)


def test_a_download_that_goes_on_reads_nothing_twice(line: Line) -> None:
    line.push()
    line.proxy.on("GET", "/blobs/", cuts(1_234_567))
    line.pull()
    assert [seen.given for seen in line.proxy.all("GET", "/blobs/")] == [1_234_567, len(DATA) - 1_234_567]


def test_a_download_without_an_end_is_given_up(line: Line) -> None:
    line.push()
    line.proxy.on("GET", "/blobs/", cuts(0), times=99)
    with pytest.raises(UnreachableError, match="can't be reached"):
        line.pull()


def test_another_part_than_asked_is_refused(line: Line) -> None:
    line.push()
    line.proxy.on("GET", "/blobs/", cuts(1000))
    line.proxy.on("GET", "/blobs/", retold("content-range", lambda _: "bytes 0-9/10"))
    with pytest.raises(UnreachableError, match="another part"):
        line.pull()


def test_connections_are_given_back_whatever_befalls_them(line: Line) -> None:
    """The pool has eight: one that was lost each time would leave the ninth request waiting for ever."""
    line.push()
    for _ in range(12):
        line.proxy.on("GET", "/blobs/", says(503, b"x" * 5000))
        line.proxy.on("GET", "/blobs/", cuts(1000))
        line.proxy.on("GET", "/blobs/", retold("content-range", lambda _: "bytes 0-9/10"))
        with pytest.raises(UnreachableError):
            line.pull()
    assert line.pull() == DATA


def test_connections_are_given_back_after_answers_that_have_no_end(line: Line) -> None:
    for number in range(12):
        line.proxy.on("GET", "/manifests/", endless_error)
        line.proxy.on("GET", "/manifests/", endless)
        for _ in range(2):
            with pytest.raises(RefusedError, match=r"answers 400|more than"):
                line.client.manifest(f"number{number}")
    assert line.client.manifest("none") is None
    assert line.pauses == []


def test_an_upload_that_stands_farther_than_was_sent_begins_anew(line: Line) -> None:
    line.proxy.on("PATCH", "/uploads/", breaks_upload(1000, kept=True))
    line.proxy.on("GET", "/uploads/", retold("range", lambda _: "0-99999999"))
    line.push()
    assert line.pull() == DATA


def test_bytes_that_are_not_what_was_known_are_refused_and_looked_at(line: Line) -> None:
    other = flipped(DATA)
    with pytest.raises(RefusedError, match="DIGEST_INVALID"):
        line.push(other, known=DIGEST)
    assert line.checked == [DIGEST, "sha256:" + hashlib.sha256(other).hexdigest()]
    assert line.client.blob_size(DIGEST) is None


def test_who_may_not_write_is_told_so_without_reading_all_again(line: Line) -> None:
    line.proxy.on("PUT", "/uploads/", says(403))
    with pytest.raises(RefusedError) as raised:
        line.push(known=DIGEST)
    assert (raised.value.kind, line.checked) == ("denied", [DIGEST])


def test_what_is_sent_and_can_not_be_read_is_not_the_registrys_fault(line: Line) -> None:
    @contextlib.contextmanager
    def opened(_: int) -> Iterator[io.BytesIO]:
        raise UnreachableError("the other one is away")
        yield io.BytesIO()

    with pytest.raises(UnreachableError, match="the other one"):
        line.client.upload(10, opened, lambda _: None, lambda _: None)
    assert line.pauses == []


def test_an_address_with_its_schemes_port_is_the_same() -> None:
    one = Session("registry.example.com", False)
    assert one.is_own("https://registry.example.com:443/v2/")
    assert not one.is_own("https://registry.example.com:444/v2/")
    assert not one.is_own("http://registry.example.com/v2/")
    assert one.url("http://registry.example.com/v2/x") == "https://registry.example.com/v2/x"


def test_S4_a_page_on_another_host_is_a_gap_and_is_not_asked_for(line: Line) -> None:
    with proxied(line.proxy.target) as other:
        path = f"/v2/{line.client.address.path}/tags/list"
        link = f'<http://{other.address}{path}?last=a>; rel="next"'
        line.proxy.on("GET", "/tags/", says(200, b'{"tags": ["a"]}', Link=link))
        with pytest.raises(UnreachableError, match="lead nowhere"):
            line.client.tags()
        assert other.seen == []


MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()


@pytest.mark.parametrize("name", [*BREAKS, "tag can't be written twice"])
def test_a_manifest_is_there_whatever_befell_it(line: Line, name: str) -> None:
    line.proxy.on("PUT", "/manifests/", BREAKS.get(name, resets_after_asking))
    if name not in BREAKS:
        line.proxy.on("PUT", "/manifests/", says(400, b'{"errors":[{"code":"TAG_INVALID"}]}'), times=9)
    line.client.put_manifest("one", MANIFEST, INDEX)
    found = line.client.manifest("one")
    assert found is not None
    assert (found.data, found.media_type) == (MANIFEST, INDEX)


def test_a_tag_that_is_refused_is_told_where_it_names_something_else(line: Line) -> None:
    line.client.put_manifest("one", MANIFEST, INDEX)
    line.proxy.on("PUT", "/manifests/", says(409, b'{"errors":[{"code":"DENIED","message":"immutable"}]}'))
    with pytest.raises(RefusedError, match="immutable"):
        line.client.put_manifest("one", MANIFEST + b" ", INDEX)


@pytest.mark.parametrize("act", [cuts(40), cuts(0), resets, breaks_download(30)])
def test_a_manifest_that_came_in_part_is_asked_for_again(line: Line, act: object) -> None:
    line.client.put_manifest("one", MANIFEST, INDEX)
    line.proxy.on("GET", "/manifests/", act)
    found = line.client.manifest("one")
    assert found is not None
    assert found.data == MANIFEST


@pytest.mark.parametrize("act", [alters(flipped), cuts(40, told=False), alters(lambda _: b"")])
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_manifest_with_other_bytes_is_refused(line: Line, act: object, by: str) -> None:
    line.client.put_manifest("one", MANIFEST, INDEX)
    line.proxy.on("GET", "/manifests/", act)
    reference = "one" if by == "tag" else "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
    with pytest.raises(RefusedError, match="other bytes") as refused:
        line.client.manifest(reference)
    assert refused.value.kind == "bytes-differ"


def test_a_registry_needs_not_say_the_digest_of_a_manifest(line: Line) -> None:
    line.client.put_manifest("one", MANIFEST, INDEX)
    line.proxy.on(".*", "/manifests/", without("docker-content-digest"))
    found = line.client.manifest("one")
    assert found is not None
    assert found.digest == "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
    line.proxy.on("GET", "/manifests/", alters(flipped, without=("docker-content-digest",)))
    with pytest.raises(RefusedError, match="other bytes"):
        line.client.manifest(found.digest)


def test_a_huge_manifest_is_refused_without_reading_it_all(line: Line) -> None:
    line.proxy.on("GET", "/manifests/", endless)
    with pytest.raises(RefusedError, match="more than 4194304 bytes"):
        line.client.manifest("one")
    assert line.proxy.seen[-1].given < 32 << 20


def endless(exchange: Exchange) -> None:
    exchange.answer(200, {"Content-Type": INDEX}, itertools.repeat(b" " * (1 << 16)), length=-1)


def endless_error(exchange: Exchange) -> None:
    exchange.answer(400, {}, itertools.repeat(b" " * (1 << 16)), length=-1)


def test_an_endless_error_ends(line: Line) -> None:
    line.proxy.on("GET", "/manifests/", endless_error)
    with pytest.raises(RefusedError, match="answers 400"):
        line.client.manifest("one")


def with_tags(line: Line, *tags: str) -> None:
    for tag in tags:
        line.client.put_manifest(tag, MANIFEST, INDEX)


GAPS = {
    "nested too deeply": b"[" * 200_000,
    "no object": b"[]",
    "no list": b'{"tags": {"a": 1}}',
    "letters": b'{"tags": "abc"}',
    "not there": b"{}",
    "not text": b'{"tags": ["a", 1]}',
    "cut": b'{"name": "x", "tags": ["a", "b',
    "no JSON": b"<html>welcome</html>",
}


@pytest.mark.parametrize("body", GAPS.values(), ids=list(GAPS))
def test_S4_a_list_of_tags_that_may_have_gaps_is_refused(line: Line, body: bytes) -> None:
    with_tags(line, "a", "b", "c")
    line.proxy.on("GET", "/tags/", says(200, body))
    with pytest.raises(UnreachableError, match="may have gaps") as refused:
        line.client.tags()
    assert refused.value.kind == "incomplete"
    line.proxy.on("GET", "/tags/", cuts(20))
    assert sorted(line.client.tags()) == ["a", "b", "c"]  # what was cut on the way is asked for again


@pytest.mark.parametrize("body", [b"", b"<html>no such page</html>", b'{"errors":[{"code":"UNSUPPORTED"}]}'])
def test_S4_only_a_registry_can_say_that_there_is_no_repository(line: Line, body: bytes) -> None:
    line.proxy.on("GET", "/tags/", says(404, body))
    with pytest.raises(UnreachableError, match="may have gaps"):
        line.client.tags()
    assert line.client.tags() == []


def test_no_tags_is_an_answer(line: Line) -> None:
    line.proxy.on("GET", "/tags/", says(200, b'{"name": "x", "tags": null}'))
    assert line.client.tags() == []


def test_tags_come_in_pages_by_links_of_either_kind(line: Line) -> None:
    def page(last: str, link: str, *tags: str) -> None:
        body = json.dumps({"tags": list(tags)}).encode()
        headers = {"Link": link} if link else {}
        line.proxy.on("GET", rf"/tags/list\?{last}", says(200, body, **headers))

    path = f"/v2/{line.client.address.path}/tags/list"
    page("n=1000$", f'<{path}?n=2&last=b>; rel="next"', "a", "b")
    page("n=2&last=b", f'<http://{line.proxy.address}{path}?n=2&last=d>; rel="next"', "c", "d")
    page("n=2&last=d", "<list?n=2&last=e>; rel=next", "e")
    page("n=2&last=e", "", "f")
    assert line.client.tags() == list("abcdef")


@pytest.mark.parametrize(
    "link",
    ["{path}?n=1000", "{path}?last=x", "http://other.example/v2/x", "http://[bad", "ftp://127.0.0.1/x"],
)
def test_S4_pages_that_lead_nowhere_are_a_gap(line: Line, link: str) -> None:
    with_tags(line, "a")
    target = link.format(path=f"/v2/{line.client.address.path}/tags/list")
    line.proxy.on("GET", "/tags/", says(200, b'{"tags": ["a"]}', Link=f'<{target}>; rel="next"'), times=9)
    with pytest.raises(UnreachableError):
        line.client.tags()
    assert len(line.proxy.seen) <= 4


def test_S4_a_page_that_is_gone_is_a_gap(line: Line) -> None:
    link = f'</v2/{line.client.address.path}/tags/list?last=a>; rel="next"'
    line.proxy.on("GET", "n=1000", says(200, b'{"tags": ["a"]}', Link=link))
    line.proxy.on("GET", "last=a", says(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'))
    with pytest.raises(UnreachableError, match="a page of it is gone"):
        line.client.tags()


@pytest.mark.parametrize(
    "body", [b"[", b"{}", b'{"manifests": [1]}', b'{"manifests": "ab"}', b'{"manifests":' + b"[" * 100_000]
)
def test_S4_a_list_of_referrers_that_may_have_gaps_is_refused(listing: Line, body: bytes) -> None:
    listing.proxy.on("GET", "/referrers/", says(200, body, Content_Type=INDEX))
    with pytest.raises(UnreachableError, match="may have gaps"):
        listing.client.referrers(DIGEST)


@pytest.mark.parametrize("status", [404, 405, 400, 501])
def test_a_registry_may_have_no_list_of_referrers(line: Line, status: int) -> None:
    line.proxy.on("GET", "/referrers/", says(status), times=1)
    assert line.client.referrers(DIGEST) is None
    assert line.client.referrers(DIGEST) is None
    assert len(line.proxy.seen) == 1


def test_referrers_are_asked_for_once(listing: Line) -> None:
    assert listing.client.referrers(DIGEST) is None  # there is no such repository yet
    with_tags(listing, "a")
    before = len(listing.proxy.seen)
    assert listing.client.referrers(DIGEST) == []
    assert len(listing.proxy.seen) - before == 1


@pytest.mark.parametrize("location", ["http://[bad", "http://127.0.0.1:99999999/x", "gopher://x/", "//"])
@pytest.mark.parametrize("request_", ["upload", "redirect"])
def test_an_address_that_is_none_is_told_in_words(line: Line, location: str, request_: str) -> None:
    if request_ == "upload":
        line.proxy.on("POST", "/uploads/", says(202, b"", Location=location), times=9)
        with pytest.raises((UnreachableError, RefusedError)):
            line.push()
    else:
        line.proxy.on("GET", "/blobs/", says(307, b"", Location=location), times=9)
        with pytest.raises((UnreachableError, RefusedError)):
            line.pull()


def test_a_registry_that_says_nowhere_to_go_on_is_told(line: Line) -> None:
    line.proxy.on("POST", "/uploads/", without("location"))
    with pytest.raises(UnreachableError, match="where an upload goes on"):
        line.push()


@pytest.mark.parametrize("target", ["http://registry.example/x", "http://10.0.0.1/x"])
def test_nothing_is_sent_to_another_host_without_tls(line: Line, target: str) -> None:
    line.proxy.on("POST", "/uploads/", says(202, b"", Location=target))
    with pytest.raises(UnreachableError, match="without TLS"):
        line.push()
    line.proxy.on("GET", "/blobs/", says(302, b"", Location=target))
    with pytest.raises(UnreachableError, match="without TLS"):
        line.pull()


def test_a_redirect_that_goes_in_circles_ends(line: Line) -> None:
    line.proxy.on("GET", "/blobs/", says(307, b"", Location="?again"), times=99)
    with pytest.raises(UnreachableError, match="from address to address"):
        line.pull()
    assert len(line.proxy.seen) == sessions.REDIRECTS


def test_a_blob_is_mounted_from_another_repository_without_its_bytes(line: Line) -> None:
    line.push()
    other = line_to(line.proxy)
    before = len(line.proxy.seen)
    assert other.client.mount(DIGEST, line.client.address.path) is None
    assert len(line.proxy.seen) - before == 1
    assert other.pull() == DATA


@pytest.mark.parametrize("act", [says(404), says(400), says(403), says(405)])
def test_where_nothing_is_mounted_it_can_be_sent(line: Line, act: object) -> None:
    line.proxy.on("POST", "mount=", act)
    assert line.client.mount(DIGEST, "somewhere") == ""
    begun = line.client.mount(DIGEST, "somewhere/else")  # Distribution begins an upload
    assert begun
    before = len(line.proxy.all("POST"))
    assert line.push(begun=begun) == DIGEST
    assert line.pull() == DATA
    assert len(line.proxy.all("POST")) == before, "the upload that was begun is the one that went on"


def test_an_upload_that_was_begun_and_forgotten_begins_anew(line: Line) -> None:
    begun = line.client.mount(DIGEST, "somewhere/else")
    line.proxy.on("PATCH", "/uploads/", says(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'))
    line.proxy.on("GET", "/uploads/", says(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'))
    assert line.push(begun=begun or "") == DIGEST
    assert line.pull() == DATA


def test_a_blob_that_others_are_storing_is_known_a_moment_later(line: Line) -> None:
    errors = [{"code": "DIGEST_INVALID", "message": "no"}, {"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob"}]
    unknown = says(400, json.dumps({"errors": errors}).encode(), Content_Type="application/json")
    line.proxy.on("PUT", "/manifests/", unknown, times=2)
    line.client.put_manifest("one", MANIFEST, INDEX)
    assert len(line.proxy.all("PUT", "/manifests/")) == 3
    line.proxy.on("PUT", "/manifests/", unknown, times=9)
    with pytest.raises(RefusedError, match="MANIFEST_BLOB_UNKNOWN"):
        line.client.put_manifest("two", MANIFEST + b" ", INDEX)
    assert len(line.proxy.all("PUT", "/manifests/")) == 7, "not for ever"
    other = says(400, b'{"errors": [{"code": "MANIFEST_INVALID"}]}', Content_Type="application/json")
    line.proxy.faults.clear()
    line.proxy.on("PUT", "/manifests/", other, times=9)
    with pytest.raises(RefusedError, match="MANIFEST_INVALID"):
        line.client.put_manifest("three", MANIFEST + b"  ", INDEX)
    assert len(line.proxy.all("PUT", "/manifests/")) == 8
