"""Webhooks: what arrives, how it is signed, and what happens when the other side is not well."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

import pytest
import trustme

from documents import failed
from model_devops.adapters import webhook
from model_devops.adapters.patience import NotSentError, Patience, patiently, within
from receivers import ca_file, hook_server, server_tls

KEY = "a key nobody should see"
TOLERANCE = 300  # seconds, as "Standard Webhooks" recommends


def notify(mini, hook, *arguments, **environment):
    return mini.run("notify", *arguments, MODEL_DEVOPS_WEBHOOK_URL=hook.url, **environment)


def hmac_by_hand(key: bytes, text: bytes) -> bytes:
    """RFC 2104, written down a second time."""
    key = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + text).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def verifies(received, key: bytes) -> bool:
    """What docs/notifications.md tells a receiver to do."""
    identifier, seconds = received.headers["webhook-id"], received.headers["webhook-timestamp"]
    if abs(time.time() - int(seconds)) > TOLERANCE:
        return False
    wanted = base64.b64encode(hmac_by_hand(key, f"{identifier}.{seconds}.".encode() + received.body)).decode()
    return f"v1,{wanted}" in received.headers["webhook-signature"].split(" ")


def test_a_program_gets_json_that_says_it_all(mini, hook, result):
    done = notify(mini, hook, "--of", result(**failed("accuracy is 0.1", "accuracy: 0.1 < 0.5", hint="train more")),
                  "--stage", "Test", BUILD_URL="https://ci.example/job/digits/7/", JOB_NAME="digits",
                  BUILD_NUMBER="7", BRANCH_NAME="main", JENKINS_URL="https://ci.example/")  # fmt: skip
    assert done["code"] == 0
    assert done["sent"] == ["webhook (json)"]
    assert done["failed"] == []
    assert hook.only.headers["content-type"] == "application/json; charset=utf-8"
    sent = json.loads(hook.only.body)
    assert sent == done["notification"]
    assert sent["headline"] == "mini failed in stage Test"
    assert sent["format"] == "model-devops.notification.v1"
    assert (sent["status"], sent["model"], sent["stage"], sent["what"]) == ("failed", "mini", "Test", "accuracy is 0.1")
    assert (sent["problems"], sent["more"], sent["hint"]) == (["accuracy: 0.1 < 0.5"], 0, "train more")
    assert sent["build"] == {
        "url": "https://ci.example/job/digits/7/",
        "job": "digits",
        "number": "7",
        "branch": "main",
    }
    assert sent["text"].splitlines() == [
        "accuracy is 0.1",
        "- accuracy: 0.1 < 0.5",
        "next: train more",
        "",
        "build: digits #7",
        "branch: main",
        "link: https://ci.example/job/digits/7/",
    ]


@pytest.mark.parametrize("secret", [KEY, "whsec_" + base64.b64encode(b"\0\xff" * 40).decode()])
def test_the_receiver_can_verify_what_it_got(mini, hook, secret):
    key = KEY.encode() if secret == KEY else b"\0\xff" * 40
    assert notify(mini, hook, "--status", "failed", MODEL_DEVOPS_WEBHOOK_SECRET=secret)["code"] == 0
    received = hook.only
    assert verifies(received, key)
    assert not verifies(received, b"another key")
    received.body += b" "
    assert not verifies(received, key)


def test_the_example_in_the_documentation_verifies(mini, hook):
    page = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()
    known = {"hmac": hmac, "hashlib": hashlib, "time": time, "base64": base64}
    exec(page.split("```python\n")[1].split("```")[0], known)
    notify(mini, hook, "--status", "failed", MODEL_DEVOPS_WEBHOOK_SECRET=KEY)
    received = hook.only
    assert known["verified"](received.headers, received.body, KEY.encode())
    assert not known["verified"](received.headers, received.body + b" ", KEY.encode())
    received.headers["webhook-timestamp"] = str(int(time.time()) - 400)
    assert not known["verified"](received.headers, received.body, KEY.encode())


def test_the_time_is_signed_against_replay(mini, hook):
    notify(mini, hook, "--status", "failed", MODEL_DEVOPS_WEBHOOK_SECRET=KEY)
    received = hook.only
    received.headers["webhook-timestamp"] = str(int(received.headers["webhook-timestamp"]) - 1)
    assert not verifies(received, KEY.encode())


def test_each_message_has_an_id_of_its_own_and_each_attempt_the_same(mini, hook):
    hook.answers = [500]
    for _ in range(2):
        notify(mini, hook, "--status", "failed", MODEL_DEVOPS_WEBHOOK_SECRET=KEY)
    first, again, other = (received.headers["webhook-id"] for received in hook.received)
    assert first == again != other


def test_without_a_secret_nothing_is_signed(mini, hook):
    notify(mini, hook, "--status", "failed")
    assert not [name for name in hook.only.headers if name.startswith("webhook-")]


@pytest.mark.parametrize("answers", [[(429, {"Retry-After": "0"})], [503, 500], ["reset"]])
def test_who_is_not_well_is_asked_again(mini, hook, answers):
    hook.answers = list(answers)
    done = notify(mini, hook, "--status", "failed")
    assert done["sent"] == ["webhook (json)"], done
    assert len(hook.received) == len(answers) + 1
    assert len({received.body for received in hook.received}) == 1


@pytest.mark.parametrize(
    ("answers", "attempts", "why"),
    [
        ([500] * 9, 3, "it answers 500"),
        ([404] * 9, 1, "it answers 404"),
        ([(429, {"Retry-After": "3600"})] * 9, 1, "it answers 429"),
    ],
)
def test_who_stays_ill_fails_no_build(mini, hook, answers, attempts, why):
    hook.answers = list(answers)
    done = notify(mini, hook, "--status", "failed")
    assert (done["code"], done["sent"]) == (0, [])
    assert done["failed"] == [{"to": "webhook (json)", "why": why}]
    assert done["warnings"] == [f"webhook (json) was not told: {why}"]
    assert len(hook.received) == attempts


def test_a_pause_that_the_server_asks_for_is_kept():
    pauses = []
    with hook_server() as hook:
        hook.answers = [(503, {"Retry-After": "1"})]
        started = time.monotonic()
        patiently(lambda: pauses.append(time.monotonic()) or webhook.post(hook.url, b"", {}, 5), Patience(pauses=(0,)))
    assert pauses[1] - started >= 1


@pytest.mark.parametrize("ahead", [-100, 2])
def test_a_pause_may_be_a_date(ahead):
    from email.utils import formatdate

    from model_devops.adapters.transport import retry_after

    assert retry_after("soon") is None
    assert max(0, ahead - 2) <= retry_after(formatdate(time.time() + ahead, usegmt=True)) <= max(0, ahead)


def test_nobody_there_fails_no_build(mini, hook):
    with hook_server() as gone:
        url = gone.url
    done = mini.run("notify", "--status", "failed", MODEL_DEVOPS_WEBHOOK_URL=url)
    assert done["code"] == 0
    assert done["failed"] == [{"to": "webhook (json)", "why": "no answer: Connection refused"}]


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_who_never_ends_is_left(hook, answer):
    hook.answers = [answer]
    with pytest.raises(NotSentError, match=r"no answer within 0\.3 s"):
        within(0.3, lambda: webhook.post(hook.url, b"", {}, 30))


@pytest.mark.parametrize("status", [302, 307])
def test_a_secret_goes_to_no_other_host(mini, hook, status):
    with hook_server() as other:
        hook.answers = [(status, {"Location": other.url})]
        done = notify(mini, hook, "--status", "failed", MODEL_DEVOPS_WEBHOOK_SECRET=KEY)
        assert other.received == []
    assert done["failed"][0]["why"].startswith(f"it answers {status}, a redirection, which is not followed")


def test_a_proxy_of_the_environment_is_used(mini, hook):
    proxy = hook.url.partition("/services")[0]
    done = mini.run("notify", "--status", "failed", MODEL_DEVOPS_WEBHOOK_URL="http://hook.invalid/x", http_proxy=proxy)
    assert done["sent"] == ["webhook (json)"]
    assert hook.only.path == "http://hook.invalid/x"


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(mini, tmp_path):
    ca = trustme.CA()
    with hook_server(server_tls(ca)) as hook:
        refused = notify(mini, hook, "--status", "failed")
        assert refused["failed"][0]["why"].startswith("its certificate is not trusted")
        assert hook.received == []
        assert notify(mini, hook, "--status", "failed", SSL_CERT_FILE=ca_file(ca, tmp_path))["sent"]


@pytest.mark.parametrize(
    "url",
    ["hooks.example/x", "file:///etc/passwd", "https://", "https://h:99999/x", "https://h/a b", "https://u:p@h/x"],
)
def test_a_wrong_address_is_a_wrong_call_and_never_shown(mini, url):
    done = mini.run("notify", "--status", "failed", MODEL_DEVOPS_WEBHOOK_URL=url)
    assert done["code"] == 2
    assert done["error"]["message"].startswith("MODEL_DEVOPS_WEBHOOK_URL")
    assert url not in json.dumps(done).replace("begins with https://,", "")


def test_a_wrong_key_is_a_wrong_call(mini, hook):
    done = notify(mini, hook, "--status", "failed", MODEL_DEVOPS_WEBHOOK_SECRET="whsec_a*b")
    assert (done["code"], hook.received) == (2, [])
    assert "a*b" not in json.dumps(done)


def test_nobody_to_tell_is_a_wrong_call(mini):
    done = mini.run("notify", "--status", "failed", MODEL_DEVOPS_WEBHOOK_URL=" ")
    assert (done["code"], done["error"]["kind"]) == (2, "no-destination")
