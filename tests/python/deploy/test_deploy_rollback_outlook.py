"""`rollback --dry-run`: where an environment would go back to, and why not elsewhere; nothing changes."""


def test_D8_a_dry_run_says_what_would_run_and_changes_nothing(served):
    for seed in (1, 2, 3):
        served.release(f"seed: {seed}\n")
        assert served.run("deploy", "test")["code"] == 0
    assert served.run("release", "revoke", "1.0.1", "--reason", "wrong data")["code"] == 0
    before = served.revisions()
    done = served.run("rollback", "test", "--dry-run")
    assert (done["code"], done["to"], done["changed"]) == (0, "1.0.0", False)
    assert [(item["version"], item["objection"]) for item in done["candidates"]] == [
        ("1.0.1", "it is revoked"),
        ("1.0.0", None),
    ]
    assert all(item["digest"].startswith("sha256:") for item in done["candidates"])
    assert served.revisions() == before
    refused = served.run("rollback", "test", "--dry-run", "--to", "1.0.1")
    assert (refused["code"], refused["error"]["kind"]) == (4, "no-rollback")
    assert refused["candidates"] == done["candidates"]
    assert done["verified"] == ["1.0.0"]  # in all environments together, what nothing speaks against
    went = served.run("rollback", "test")
    assert (went["revision"]["version"], went["verified"]) == (done["to"], [])


def test_D8_a_dry_run_without_anything_to_go_back_to_is_refused(served):
    served.release()
    assert served.run("rollback", "test", "--dry-run")["code"] == 4
    served.run("deploy", "test")
    done = served.run("rollback", "test", "--dry-run")
    assert (done["code"], done["candidates"]) == (4, [])
    assert "`model-devops history test`" in done["error"]["hint"]
    assert "`model-devops history test`" in served.run("rollback", "test", "--to", "1.0.0")["error"]["hint"]
