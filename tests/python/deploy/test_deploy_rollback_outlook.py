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
    assert done["verified"] == ["test 1.0.0"]  # of all environments, what nothing speaks against
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


def test_D8_the_list_names_each_environment_with_its_own_versions(served):
    """A job has one list for all environments: a version of another one is a slip, and nothing changes."""
    for seed in (1, 2, 3):
        served.release(f"seed: {seed}\n")
        assert served.run("deploy", "test")["code"] == 0
        assert seed == 2 or served.run("deploy", "production")["code"] == 0
    before = served.revisions("production")
    done = served.run("rollback", "production", "--dry-run")
    assert done["verified"] == ["test 1.0.1", "test 1.0.0", "production 1.0.0"]
    for version in ("1.0.1", "1.0.0"):  # also one that production could go back to
        slip = served.run("rollback", "production", "--to", f"test {version}")
        assert (slip["code"], slip["error"]["kind"]) == (4, "other-environment")
        said = f"{version} was chosen from what test can go back to, and production is to go back"
        assert slip["error"]["message"] == said
        assert slip["error"]["hint"] == "production can go back to: 1.0.0"
    assert served.revisions("production") == before
    went = served.run("rollback", "production", "--to", "production 1.0.0")
    assert (went["code"], went["revision"]["version"]) == (0, "1.0.0")


def test_D8_a_version_that_will_not_do_is_told_with_those_that_will(served):
    for seed in (1, 2, 3, 4):
        served.release(f"seed: {seed}\n")
        assert seed == 3 or served.run("deploy", "test")["code"] == 0
    assert served.run("release", "revoke", "1.0.1", "--reason", "wrong data")["code"] == 0
    running = served.revisions()[-1]
    for to, kind, message in (
        ("v1.0.2", "not-verified-here", "1.0.2 was never verified in test"),
        (" ", "usage", "the version to go back to is empty"),
        ("", "usage", "the version to go back to is empty"),
        ("1.0.1", "no-rollback", "test can't go back to 1.0.1: it is revoked"),
        ("1.0.3", "runs-already", "test runs 1.0.3 already"),
        (running["release"], "runs-already", "test runs 1.0.3 already"),
    ):
        for more in ((), ("--dry-run",)):
            refused = served.run("rollback", "test", "--to", to, *more)
            assert (refused["code"], refused["error"]["kind"], refused["error"]["message"]) == (
                2 if kind == "usage" else 4,
                kind,
                message,
            )
            assert refused["error"]["hint"] == "test can go back to: 1.0.0"
    assert served.revisions()[-1] == running
