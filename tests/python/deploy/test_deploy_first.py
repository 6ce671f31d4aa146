"""A first look at deploying."""


def test_deploy_proves_what_runs(served):
    version = served.release()
    result = served.run("deploy", "test")
    assert result["code"] == 0, result["err"]
    assert served.get("/model")["digest"] == result["release"]["artifacts"]["model"]
    assert result["revision"]["proof"] == ["measured", "reported"]
    assert result["revision"]["version"] == version
