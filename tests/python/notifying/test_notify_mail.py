"""Mail: to whom, in what words, how well protected; and secrets, which are shown nowhere."""

import base64
import email
import email.policy
import json
import urllib.parse

import pytest
import trustme

from documents import failed
from model_devops.adapters.smtp import is_loopback
from receivers import ca_file, server_tls, smtp_server

USER, PASSWORD = "robot", "pass-w0rd/+"
LOGIN = {"MODEL_DEVOPS_SMTP_USER": USER, "MODEL_DEVOPS_SMTP_PASSWORD": PASSWORD}


def mail(mini, mailbox, *arguments, to=("dev@x.example",), **environment):
    flags = [word for address in to for word in ("--mail-to", address)]
    return mini.run("notify", "--smtp", mailbox.address, *flags, *arguments, **environment)


def read(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def test_a_mail_says_it_in_plain_text(mini, mailbox, result):
    document = result(**failed("größe <b>falsch</b>", "a: ∑ > 1", hint="weniger"))
    done = mail(mini, mailbox, "--of", document, "--stage", "Prüfung", "--mail-from", "ci@x.example")
    assert (done["code"], done["sent"], done["failed"]) == (0, ["mail to dev@x.example"], [])
    ((encrypted, sender, recipients, content),) = mailbox.mails
    message = read(content)
    assert (encrypted, sender, recipients) == (False, "ci@x.example", ["dev@x.example"])
    assert message["Subject"] == "mini failed in stage Prüfung"
    assert (message["From"], message["To"]) == ("ci@x.example", "dev@x.example")
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message.get_content_type(), message.is_multipart()) == ("text/plain", False)
    text = message.get_content()
    assert text.splitlines()[:5] == [
        "mini failed in stage Prüfung",
        "",
        "größe <b>falsch</b>",
        "- a: ∑ > 1",
        "next: weniger",
    ]
    assert message["Message-ID"].endswith("@x.example>")
    assert message["Date"]


def test_the_sender_is_this_machine_unless_said(mini, mailbox):
    mail(mini, mailbox, "--status", "failed")
    assert mailbox.mails[0][1].startswith("model-devops@")


def test_no_text_can_become_a_header_or_a_second_mail(mini, mailbox, result):
    evil = "x\r\nBcc: evil@x.example\r\n\r\n.\r\nMAIL FROM:<evil@x.example>\r\n"
    mail(mini, mailbox, "--of", result(**failed(evil, evil)), "--stage", evil)
    ((_, _, recipients, content),) = mailbox.mails
    message = read(content)
    assert recipients == ["dev@x.example"]
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }


@pytest.mark.parametrize("option", ["--mail-to", "--mail-from"])
@pytest.mark.parametrize("address", ["a@b\nBcc: c@d", "a@b, c@d", "nobody", "A <a@b>", "@b", "a@", "a b@c"])
def test_only_an_address_is_an_address(mini, mailbox, option, address):
    done = mail(mini, mailbox, "--status", "failed", f"{option}={address}")
    assert (done["code"], mailbox.mails) == (2, [])
    assert option in done["error"]["message"]


@pytest.mark.parametrize("server", ["", ":25", "host:x", "h o", "u@h", "h/x", "h:99999"])
def test_only_a_server_is_a_server(mini, server):
    done = mini.run("notify", "--status", "failed", "--mail-to", "a@b", "--smtp", server)
    assert (done["code"], done["error"]["message"]) == (2, f"--smtp: {server!r} is no HOST[:PORT]")


def test_mail_needs_a_server(mini):
    assert mini.run("notify", "--status", "failed", "--mail-to", "a@b")["code"] == 2
    assert mini.run("notify", "--status", "failed", "--mail-authors")["code"] == 2


def test_authors_are_told_whose_address_can_be_used(mini, mailbox):
    good = mini.git("rev-parse", "HEAD")
    for name, address in (("Ann", "ann@x.example"), ("Dev", "dev@x.example"), ("Odd", "odd"), ("Two", "a@x,b@x")):
        mini.git("-c", f"user.name={name}", "-c", f"user.email={address}", "commit", "-q", "--allow-empty", "-m", "x")
    mail(mini, mailbox, "--status", "failed", "--mail-authors", "--since", good)
    assert mailbox.mails[0][2] == ["dev@x.example", "ann@x.example"]


def test_only_so_many_authors_are_told(mini, mailbox):
    good = mini.git("rev-parse", "HEAD")
    for number in range(12):
        mini.git("-c", f"user.email={number}@x.example", "commit", "-q", "--allow-empty", "-m", "x")
    mail(mini, mailbox, "--status", "failed", "--mail-authors", "--since", good, to=())
    assert len(mailbox.mails[0][2]) == 10


def test_who_is_refused_keeps_nobody_else_from_being_told(mini, mailbox):
    mailbox.refuse = {"gone@x.example": "550 no such user"}
    done = mail(mini, mailbox, "--status", "failed", to=("gone@x.example", "dev@x.example"))
    assert done["sent"] == ["mail to dev@x.example"]
    assert done["failed"] == [{"to": "mail to gone@x.example", "why": "550 no such user"}]
    done = mail(mini, mailbox, "--status", "failed", to=("gone@x.example",))
    assert (done["code"], done["sent"]) == (0, [])
    assert done["failed"] == [{"to": "mail to gone@x.example", "why": "550 no such user"}]


def test_one_destination_that_fails_keeps_no_other_from_being_told(mini, mailbox, hook):
    hook.answers = [400]
    done = mail(mini, mailbox, "--status", "failed", MODEL_DEVOPS_WEBHOOK_URL=hook.url)
    assert done["sent"] == ["mail to dev@x.example"]
    assert done["failed"] == [{"to": "webhook (json)", "why": "it answers 400"}]


@pytest.mark.parametrize(("answers", "sent"), [(["451 later"], 1), (["451 later"] * 3, 0), (["554 spam"], 0)])
def test_a_server_that_is_busy_is_asked_again(mini, mailbox, answers, sent):
    mailbox.data = list(answers)
    done = mail(mini, mailbox, "--status", "failed")
    assert (done["code"], len(mailbox.mails), len(done["sent"])) == (0, sent, sent)
    if not sent:
        assert done["failed"][0]["why"] == f"it answers {answers[0]}"
    assert mailbox.data == []


def test_nobody_there_fails_no_build(mini):
    with smtp_server() as gone:
        pass
    done = mail(mini, gone, "--status", "failed")
    assert (done["code"], done["failed"]) == (0, [{"to": "mail by 127.0.0.1", "why": "Connection refused"}])


# TLS


def test_starttls_is_used_where_it_is_offered(mini, tmp_path):
    ca = trustme.CA()
    with smtp_server(server_tls(ca)) as mailbox:
        refused = mail(mini, mailbox, "--status", "failed")
        assert refused["failed"][0]["why"].startswith("its certificate is not trusted")
        assert mailbox.mails == []
        done = mail(mini, mailbox, "--status", "failed", SSL_CERT_FILE=ca_file(ca, tmp_path), **LOGIN)
        assert done["sent"], done
        assert (mailbox.mails[0][0], mailbox.logins) == (True, [(USER.encode(), PASSWORD.encode())])


def test_plain_is_plain_where_that_is_asked_for(mini):
    with smtp_server(server_tls(trustme.CA())) as mailbox:
        assert mail(mini, mailbox, "--status", "failed", "--smtp-security", "plain")["sent"]
        assert mailbox.mails[0][0] is False


def test_nothing_is_sent_in_the_clear_where_tls_is_asked_for(mini, mailbox):
    done = mail(mini, mailbox, "--status", "failed", "--smtp-security", "starttls", **LOGIN)
    assert done["failed"][0]["why"].startswith("it offers no STARTTLS")
    assert (mailbox.mails, mailbox.logins) == ([], [])


@pytest.mark.parametrize(
    ("address", "ours"),
    [("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("10.0.0.1", False), ("fe80::1%eth0", False)],
)
def test_only_this_machine_may_lack_starttls(address, ours):
    assert is_loopback(address) is ours


def test_tls_from_the_first_byte(mini, tmp_path):
    ca = trustme.CA()
    with smtp_server(implicit=server_tls(ca)) as mailbox:
        done = mail(mini, mailbox, "--status", "failed", "--smtp-security", "tls", SSL_CERT_FILE=ca_file(ca, tmp_path))
        # The server speaks nothing but TLS.
        assert (done["sent"], len(mailbox.mails)) == (["mail to dev@x.example"], 1)


# Secrets


def test_no_secret_is_ever_shown(mini, mailbox, hook, result):
    hook.answers = [400] * 3
    url = hook.url + "?token=t0ken-of-the-hook"
    secrets = [PASSWORD, "wr0ng-pass&word", url, "s3cr3t-path", "t0ken-of-the-hook", 'signing key "x"']
    coded = base64.b64encode(secrets[1].encode()).decode()
    said = f"{secrets[1]} {coded} {secrets[5]} {urllib.parse.quote(secrets[1])} " + "x" * 100 + url
    environment = {
        "MODEL_DEVOPS_WEBHOOK_URL": url,
        "MODEL_DEVOPS_WEBHOOK_SECRET": secrets[5],
        "MODEL_DEVOPS_SMTP_USER": USER,
        "MODEL_DEVOPS_SMTP_PASSWORD": secrets[1],
    }
    good = mini.git("rev-parse", "HEAD")
    mini.git("-c", f"user.name={secrets[1]}", "commit", "-q", "--allow-empty", "-m", "x")  # from wherever it comes
    document = result(**failed(said, said, hint=said))
    done = mail(mini, mailbox, "--of", document, "--stage", said, "--since", good, **environment)
    assert mailbox.logins  # it was sent there, and came back in the server's answer
    assert [failure["to"] for failure in done["failed"]] == ["webhook (json)", "mail by 127.0.0.1"]
    assert "535" in done["failed"][1]["why"]
    shown = json.dumps(done) + done["err"] + hook.received[0].body.decode()
    forms = [*secrets[1:], json.dumps(secrets[5])[1:-1], base64.b64encode(secrets[1].encode()).decode()]
    forms += [urllib.parse.quote(secrets[1]), urllib.parse.quote_plus(secrets[1])]
    assert [form for form in forms if form in shown] == []


def test_a_mail_holds_no_secret_either(mini, mailbox, result):
    mail(mini, mailbox, "--of", result(**failed(f"login with {PASSWORD} failed")), "--stage", PASSWORD, **LOGIN)
    assert mailbox.logins
    message = read(mailbox.mails[0][3])
    assert PASSWORD not in message["Subject"]
    assert "login with *** failed" in message.get_content()
