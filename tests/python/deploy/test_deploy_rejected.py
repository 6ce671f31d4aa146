"""What users rejected comes back in no other release of the same bytes (A3, S5)."""


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def reject(served, release: str, *arguments: str) -> dict:
    words = ("approve", "test", "--release", release, "--reject", "--reason", "confuses 1 and 7", "--as", "Ada")
    return ok(served.run(*words, *arguments))


def refused(served, environment: str, release: str) -> str:
    done = served.run("deploy", environment, "--release", release)
    assert (done["code"], done["error"]["kind"]) == (4, "rejected"), done["err"]
    assert not served.answers(environment)
    return done["error"]["message"]


def test_A3_a_rejected_prerelease_does_not_come_as_the_final_release_of_its_merge(served):
    tried = ok(served.build("--prerelease"))["version"]
    ok(served.run("deploy", "test"))
    said = reject(served, tried)
    assert not served.answers(), "there was nothing to go back to"
    merged = served.release()
    assert merged == "1.0.0"
    assert f"rejected as {tried} by Ada: confuses 1 and 7" in refused(served, "production", merged)
    word = served.run("approve", "production", "--release", merged, "--as", "Bob")
    assert (word["code"], word["error"]["kind"]) == (4, "not-approvable")
    assert "confuses 1 and 7; no approval lifts that" in word["error"]["message"]
    states = {row["version"]: row["state"] for row in ok(served.run("release", "list"))["releases"]}
    assert states == {merged: ["rejected"], tried: ["rejected"]}
    assert ok(served.run("release", "show", merged))["state"] == ["rejected"]
    ok(served.run("release", "withdraw", said["evidence"], "--reason", "it was the camera", "--as", "Ada"))
    ok(served.run("deploy", "production", "--release", merged))


def test_A3_rejected_bytes_do_not_come_back_as_the_new_version_of_a_revert(served):
    served.release()
    bad = served.release("seed: 2\n")
    reject(served, bad)
    served.release("seed: 3\n")
    again = served.release("seed: 2\n")
    assert again != bad
    assert f"rejected as {bad} by Ada" in refused(served, "production", again)


def test_A3_an_environment_leaves_the_bytes_that_were_rejected_there_under_another_version(served):
    first = served.release()
    ok(served.run("deploy", "test"))
    final = served.release("seed: 2\n")
    twin = ok(served.build("--prerelease"))["version"]
    ok(served.run("deploy", "test", "--release", twin))
    reject(served, final)
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert ok(served.run("status", "test"))["healthy"]


def test_A3_status_and_rollback_know_what_was_rejected_under_another_version(served):
    first = served.release()
    twin = ok(served.build("--prerelease"))["version"]
    ok(served.run("deploy", "production", "--release", first))
    said = reject(served, twin)
    assert ok(served.run("status", "production"))["environments"][0]["remarks"] == ["its release was rejected"]
    assert reject(served, first)["evidence"] != said["evidence"], "each rejection is a word of its own"
    ok(served.run("release", "withdraw", said["evidence"], "--reason", "meant the other", "--as", "Ada"))
    second = served.release("seed: 2\n")
    ok(served.run("deploy", "production", "--release", second))
    back = served.run("rollback", "production")
    assert (back["code"], back["error"]["problems"][0]["message"]) == (4, f"{first}: it was rejected")


def test_A3_rejected_weights_in_another_identity_are_no_bar_and_are_said(served):
    """What served them badly may have been mended: code is part of the identity."""
    bad = served.release()
    reject(served, bad)
    served.commit(**{"serve.py": (served.folder / "serve.py").read_text() + "\n# mended\n"})
    mended = ok(served.build())["version"]
    planned = ok(served.run("plan", "production", "--release", mended))
    (one,) = [each for each in planned["conditions"] if each["name"] == "rejected"]
    words = f"rejected as {bad} by Ada: confuses 1 and 7"
    assert (one["holds"], one["message"]) == (True, f"not rejected, but its weights were: {words}")
    assert len(one["evidence"]) == 1, "the decision names what it was made on"
    approved = ok(served.run("approve", "production", "--release", mended, "--as", "Bob"))
    assert f"the weights of {mended} were {words}" in approved["warnings"]
    ok(served.run("deploy", "production", "--release", mended))
