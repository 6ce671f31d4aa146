"""What is told: the status, who, what runs, all on one screen; and no text from elsewhere becomes more than text."""

import json
import re

import pytest

from documents import failed
from model_devops.adapters.ci import Build
from model_devops.notifying.authors import Author, Commits
from model_devops.notifying.formats import FORMATS, body, headline, plain, slack, teams
from model_devops.notifying.news import Asked, News, gather
from model_devops.notifying.words import line, link
from served import make_served

HOSTILE = "<!channel> @here *x* [y](http://z) <http://evil|click> & ```\n# a\x1b[31m\u202e\ud800 <at>all</at>"


def told(mini, hook, *arguments, **environment):
    done = mini.run("notify", *arguments, MODEL_DEVOPS_WEBHOOK_URL=hook.url, **environment)
    assert done["code"] == 0, done["err"]
    return done


@pytest.mark.parametrize(
    ("previous", "now", "word"),
    [
        ("FAILURE", "SUCCESS", "fixed"),
        ("UNSTABLE", "ok", "fixed"),
        ("restored", "ok", "fixed"),
        ("ABORTED", "SUCCESS", "ok"),
        ("NOT_BUILT", "SUCCESS", "ok"),
        ("SUCCESS", "FAILURE", "failed"),
        ("FAILURE", "FAILURE", "failed"),
        ("FAILURE", "UNSTABLE", "unstable"),
        (None, "SUCCESS", "ok"),
    ],
)
def test_fixed_is_told_as_well_as_failed(mini, hook, previous, now, word):
    before = ["--previous", previous] if previous else []
    told(mini, hook, "--status", now, *before)
    assert json.loads(hook.only.body)["status"] == word


def test_all_well_as_before_is_no_news(mini, hook):
    done = told(mini, hook, "--status", "SUCCESS", "--previous", "SUCCESS")
    assert (done["sent"], done["failed"], hook.received) == ([], [], [])


@pytest.mark.parametrize(
    ("fields", "said", "word"),
    [
        (failed(), "SUCCESS", "failed"),
        ({"status": "restored", "error": {"kind": "x", "message": "m"}}, "FAILURE", "restored"),
        ({"status": "usage", "error": {"kind": "x", "message": "m"}}, None, "failed"),
        ({"status": "terminated", "error": {"kind": "x", "message": "m"}}, None, "aborted"),
        ({"status": "refused", "error": {"kind": "superseded", "message": "m"}}, None, "not-built"),
        ({"status": "refused", "error": {"kind": "refused", "message": "m"}}, None, "refused"),
        ({"decision": "rejected"}, "SUCCESS", "rejected"),
        ({"decision": "approved"}, None, "ok"),
        ({}, "FAILURE", "failed"),
        ({"status": 5}, "ABORTED", "aborted"),
        ({"status": "a later version's word"}, None, "failed"),
    ],
)
def test_the_step_knows_best_how_it_failed(mini, hook, result, fields, said, word):
    told(mini, hook, "--of", result(**fields), *(["--status", said] if said else []))
    assert json.loads(hook.only.body)["status"] == word


@pytest.mark.parametrize("text", [None, "", "[]", "{", "[" * 100000])
def test_a_step_that_left_no_document_has_failed(mini, hook, tmp_path, text):
    path = tmp_path / "result.json"
    if text is not None:
        path.write_text(text)
    told(mini, hook, "--of", str(path), "--status", "SUCCESS")  # as the build stands before somebody has noticed
    sent = json.loads(hook.only.body)
    assert sent["status"] == "failed"
    assert sent["what"] == f"the step left no result document ({path}): it could not run, or was killed"


@pytest.mark.parametrize("arguments", [(), ("--status", "great"), ("--previous", "ok")])
def test_nothing_to_tell_is_a_wrong_call(mini, hook, arguments):
    done = mini.run("notify", *arguments, MODEL_DEVOPS_WEBHOOK_URL=hook.url)
    assert (done["code"], hook.received) == (2, [])


def test_a_real_failed_test_is_told_with_its_gate_and_version(mini, hook, tmp_path):
    mini.commit("worse", **{"evaluate.py": "import json; json.dump({'accuracy': 0.25}, open('metrics.json', 'w'))\n"})
    assert mini.build()["code"] == 0
    path = tmp_path / "r.json"
    assert mini.run("--result", str(path), "test")["code"] == 3
    told(mini, hook, "--of", str(path))
    sent = json.loads(hook.only.body)
    assert (sent["version"], sent["status"]) == ("1.0.0", "failed")
    assert sent["digest"].startswith("sha256:")
    assert "accuracy" in sent["what"]
    assert "0.25" in sent["text"]


def test_a_message_is_told_where_no_step_says_anything(mini, hook):
    told(mini, hook, "--status", "FAILURE", "--message", "the agent went away")
    assert json.loads(hook.only.body)["what"] == "the agent went away"


# Who


def commit_as(mini, name, mail, text):
    mini.git("-c", f"user.name={name}", "-c", f"user.email={mail}", "commit", "-q", "--allow-empty", "-m", text)


def test_who_broke_it_are_the_authors_since_the_last_good_build(mini, hook):
    commit_as(mini, "Early", "early@x.example", "before")
    good = mini.git("rev-parse", "HEAD")
    for name in ("Ann Ö", "Bob", "Ann Ö"):
        commit_as(mini, name, f"{name[:3].lower()}@x.example".replace(" ", ""), "work")
    told(mini, hook, "--status", "failed", "--since", good)
    sent = json.loads(hook.only.body)
    assert sent["since"] == good[:12]
    assert sent["authors"] == [
        {"name": "Ann Ö", "mail": "ann@x.example", "commits": 2},
        {"name": "Bob", "mail": "bob@x.example", "commits": 1},
    ]
    assert f"commits since {good[:12]}: Ann Ö <ann@x.example> (2), Bob <bob@x.example> (1)" in sent["text"]


@pytest.mark.parametrize("since", [None, "f" * 40, "--output=x", "no such thing"])
def test_without_a_good_build_the_last_release_counts(mini, hook, since):
    assert mini.build()["version"] == "1.0.0"
    commit_as(mini, "Bob", "bob@x.example", "work")
    done = told(mini, hook, "--status", "failed", *([f"--since={since}"] if since else []))
    sent = json.loads(hook.only.body)
    assert (sent["since"], [author["name"] for author in sent["authors"]]) == ("1.0.0", ["Bob"])
    assert bool(done["warnings"]) == (since is not None)


def test_the_release_of_this_very_commit_is_not_the_last_one(mini, hook):
    mini.build()
    commit_as(mini, "Bob", "bob@x.example", "work")
    mini.commit("other", **{"params.yaml": "seed: 2\n"})
    assert mini.build()["version"] == "1.0.1"
    told(mini, hook, "--status", "failed")
    assert json.loads(hook.only.body)["since"] == "1.0.0"
    assert "Bob" in [author["name"] for author in json.loads(hook.only.body)["authors"]]


def test_names_that_are_no_utf_8_and_mailmap_are_read(mini, hook):
    good = mini.git("rev-parse", "HEAD")
    raw = f"tree {mini.git('write-tree')}\nparent {good}\nauthor J\udcfcrg\x0cX <j@x> 1 +0000\n".encode(
        "utf-8", "surrogateescape"
    )
    import subprocess

    raw += b"committer a <a@x> 1 +0000\n\nwork\n"
    made = subprocess.run(["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"], cwd=mini.folder,
                          input=raw, capture_output=True, check=True)  # fmt: skip
    mini.git("reset", "-q", "--hard", made.stdout.decode().strip())
    mini.commit("mailmap", _dot_mailmap="Real Name <real@x.example> Old <old@x.example>\n")
    commit_as(mini, "Old", "old@x.example", "work")
    told(mini, hook, "--status", "failed", "--since", good)
    authors = {author["mail"]: author["name"] for author in json.loads(hook.only.body)["authors"]}
    assert authors["real@x.example"] == "Real Name"
    assert re.fullmatch(r"J.?rg X", authors["j@x"])


def test_a_broken_model_yaml_still_has_authors(mini, hook):
    good = mini.git("rev-parse", "HEAD")
    mini.commit("oops", **{"model.yaml": "name: [\n"})
    done = told(mini, hook, "--status", "failed", "--since", good)
    assert [author["mail"] for author in json.loads(hook.only.body)["authors"]] == ["person@example.org"]
    assert done["warnings"][0].startswith("no more is known of the model")


def test_it_works_where_there_is_nothing(mini, hook, tmp_path):
    from mini_project import Mini

    (tmp_path / "empty").mkdir()
    told(Mini(tmp_path / "empty"), hook, "--status", "failed", "--since", "abc", "--environment", "production")
    assert json.loads(hook.only.body)["headline"] == "build failed"


# What runs


def test_what_runs_now_is_said_after_a_failed_rollout(hook, tmp_path):
    served = make_served(tmp_path / "a model")
    served.release()
    assert served.run("deploy", "test")["code"] == 0
    served.release("seed: 2\n# crash\n")
    path = tmp_path / "r.json"
    assert served.run("--result", str(path), "deploy", "test")["code"] == 5
    told(served, hook, "--of", str(path), "--environment", "test", "--environment", "prodution")
    sent = json.loads(hook.only.body)
    assert (sent["status"], sent["version"]) == ("restored", "1.0.1")
    assert sent["environments"] == {"test": "1.0.0 (revision 1)"}
    assert "test runs 1.0.0 (revision 1)" in sent["text"]
    hook.received.clear()
    told(served, hook, "--of", str(path))  # the environment that the step was about
    assert list(json.loads(hook.only.body)["environments"]) == ["test"]
    hook.received.clear()
    told(served, hook, "--status", "ok", "--environment", "production")
    assert json.loads(hook.only.body)["environments"] == {"production": "nothing"}


# One screen, harmless


def huge() -> News:
    problems = [line(f"{number}: {HOSTILE * 50}", 240) for number in range(8)]
    authors = [Author(line(f"{HOSTILE} {n}", 80), line(f"{n}@x", 120), 1) for n in range(200)]
    build = Build(ci="jenkins", id="x", url="https://ci.example/job/x/1/", job=HOSTILE, number="1", branch=HOSTILE)
    name, long = line(HOSTILE, 99), line(HOSTILE * 50, 240)
    return News("failed", name, name, "sha256:0", name, long, problems, 9992,
                line(HOSTILE, 240), build, Commits("abc", authors), {"test": line(HOSTILE * 9, 240)})  # fmt: skip


def test_ten_thousand_problems_fit_on_one_screen(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(
        json.dumps({**failed("x" * 10**6, *[f"{n} " + "y" * 5000 for n in range(10000)], hint="z" * 10**5)})
    )
    news = gather(Asked(of=path, stage="s" * 9999), None, None, Build(ci="none", id="x"), lambda _text: None)
    text = body(news)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 250
    assert "- and 9992 more" in text
    assert len(headline(news)) <= 120
    for kind in FORMATS.values():
        assert len(json.dumps(kind(news))) < 20_000  # Teams takes 28 KB


def test_a_problem_is_told_with_its_place_and_not_twice(tmp_path):
    problems = [{"message": "same"}, {"message": "odd", "file": "model.yaml", "line": 3, "column": 1}, "nonsense"]
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"status": "usage", "error": {"message": "same", "problems": problems}}))
    news = gather(Asked(of=path), None, None, Build(ci="none", id="x"), lambda _text: None)
    assert body(news) == "same\n- model.yaml:3:1: odd"


def test_slack_finds_no_markup_but_ours():
    text = slack(huge())["text"]
    opening, block, end = text.split("```")
    assert end == ""
    assert re.findall("<[^>]*>", text) == ["<https://ci.example/job/x/1/|open the build>"]
    assert not re.search(r"[@*`\[\]~]", opening.replace("<https://ci.example/job/x/1/|open the build>", ""))
    assert "&lt;!channel&gt;" in block  # shown, as it was
    assert re.findall(r"&(?!lt;|gt;|amp;)", block) == []


def test_teams_finds_no_markup_at_all():
    (attachment,) = teams(huge())["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open the build", "url": "https://ci.example/job/x/1/"}
    ]
    assert "msteams" not in card  # no mentions


def test_every_format_is_what_its_receiver_reads(mini, hook):
    for kind, key in (("slack", "text"), ("teams", "attachments"), ("json", "format")):
        hook.received.clear()
        told(mini, hook, "--status", "failed", "--format", kind)
        assert key in json.loads(hook.only.body)


def test_text_from_elsewhere_is_one_harmless_line():
    assert line("a\n\tb\x00\x1b[1m\u202ec\ud800\ufeff d", 50) == "a b [1m c d"
    assert line("x" * 100, 10) == "x" * 9 + "…"
    assert line("\n" * 10**6 + "y", 10) == ""
    json.dumps(plain(huge()), ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    "address", [None, "javascript:x", "https://a/|b", "https://a/>b", "https://a/ b", 'https://a/"']
)
def test_only_plain_addresses_become_links(address):
    assert link(address) is None
    news = News("failed", build=Build(ci="jenkins", id="x", url=address))
    assert "<" not in slack(news)["text"]
    assert teams(news)["attachments"][0]["content"]["actions"] == []
