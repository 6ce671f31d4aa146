"""The acts of the story: each does what a team would do, and checks that it came out as told."""

import threading
import time
from collections.abc import Callable

from stage import Answer, Stage, check, say

Act = Callable[[Stage], None]


def running(stage: Stage, environment: str) -> str | None:
    """The digest of the model that the environment's server says it has loaded."""
    return (stage.ask(environment, "/model") or {}).get("digest")


def model_of(stage: Stage, version: str) -> str:
    """The digest of a release's model, as the release names it."""
    return str(stage.run("release", "show", version).document["release"]["artifacts"]["model"])


def must_run(stage: Stage, environment: str, version: str) -> None:
    """The environment's server must have loaded this release's model."""
    check(running(stage, environment) == model_of(stage, version), f"{environment} does not run {version}")
    say(f"{environment} serves {version}: the server has loaded {model_of(stage, version)[:19]}…")


def measured(stage: Stage, tested: Answer) -> None:
    """A test must have started the image that the release names, and measured it."""
    if not stage.containers:
        return
    image = image_of(stage, tested.version)
    check(tested.document["release"]["image"] == image, "another image was tested than the release names")
    found = tested.document["metrics"]["container"]
    check(found["wrong_answers"] == 0 and found["requests"] >= 100, f"the image was not asked: {found}")
    say(
        f"The image {image['digest'][:19]}… was ready after {found['startup_s']} s, answered {found['requests']:.0f}"
        f" requests, {found['requests_per_second']:.0f} a second, and used {found['peak_memory_mb']:.0f} MB at most."
    )


def image_of(stage: Stage, version: str) -> dict[str, str]:
    """The image that a release names."""
    return dict(stage.run("release", "show", version).document["release"]["image"])


def promote(stage: Stage, version: str, approver: str = "Grace") -> None:
    """The way of every release: test, test environment, a person's word, production."""
    tested = stage.do("test")
    check(tested.version == version, f"it was not {version} that was tested")
    measured(stage, tested)
    stage.do("deploy", "test")
    stage.do("approve", "production", "--as", approver)
    stage.do("deploy", "production")
    must_run(stage, "production", version)


def first_release(stage: Stage) -> None:
    """Build, and take the release to production; without test or approval nothing is taken."""
    built = stage.do("build")
    check(built.version == "1.0.0" and built.document["new"], f"the first release is {built.version}")
    say("Production takes only what was tested, ran in the test environment and was approved:")
    stage.do("deploy", "production", code=4)
    check(running(stage, "production") is None, "something runs in production")
    promote(stage, "1.0.0")


def unchanged(stage: Stage) -> None:
    """Neither the same commit nor one that changes no artifact makes a version."""
    (stage.project / "README.md").write_text("Our digits.\n")
    stage.push("Only words")
    again = stage.do("build")
    check(again.version == "1.0.0", f"an unchanged build made {again.version}")
    check(not again.document["new"] and not again.document["trained"], "an unchanged build trained or made a release")


def worse(stage: Stage) -> None:
    """Half the hidden units: above the fixed limit, but below what runs."""
    stage.edit("params.yaml", "hidden: 32", "hidden: 16")
    stage.push("A smaller network")
    built = stage.do("build")
    check(built.version == "1.0.1", f"new parameters made {built.version}, not 1.0.1")
    tested = stage.do("test", code=3)
    check("accuracy" in tested.told and "1.0.0" in tested.told, f"the gate's message: {tested.told}")
    stage.do("deploy", "production", code=4)
    must_run(stage, "production", "1.0.0")


def better(stage: Stage) -> None:
    """Twice the hidden units: better than what runs."""
    stage.edit("params.yaml", "hidden: 16", "hidden: 64")
    stage.push("A bigger network")
    check(stage.do("build").version == "1.0.2", "the better model is not 1.0.2")
    promote(stage, "1.0.2")


def rejected(stage: Stage) -> None:
    """The numbers are good, the users are not content."""
    stage.edit("params.yaml", "hidden: 64", "hidden: 128")
    stage.push("An even bigger network")
    check(stage.do("build").version == "1.0.3", "the next one is not 1.0.3")
    stage.do("test")
    stage.do("deploy", "test")
    must_run(stage, "test", "1.0.3")
    stage.do("approve", "production", "--reject", "--as", "Grace", "--reason", "takes our sevens for ones")
    must_run(stage, "test", "1.0.2")
    stage.do("deploy", "production", code=4)
    must_run(stage, "production", "1.0.2")


def never_ready(stage: Stage) -> None:
    """Its server knows no scanner such as production's: production must get over it by itself."""
    stage.edit("params.yaml", "hidden: 128", "hidden: 96")
    stage.edit(
        "serve.py",
        'answers = {"/ready": {"ready": True}',
        'answers = {"/ready": {"ready": True} if os.environ.get("SCANNER", "a4") == "a4" else None',
    )
    stage.edit("model.yaml", stage.place.anchor, _scanner("a5") + stage.place.anchor)
    stage.push("Ask the scanner")
    check(stage.do("build").version == "1.1.0", "a changed server is not 1.1.0")
    stage.do("test")
    stage.do("deploy", "test")
    stage.do("approve", "production", "--as", "Grace")
    with Watch(stage) as watch:
        failed = stage.do("deploy", "production", code=5)
    must_run(stage, "production", "1.0.2")
    _downtime(failed, watch.longest if stage.place.stops_first else None)
    check(failed.document["reports"], "there is no report of the attempt")


def _downtime(failed: Answer, seen: float | None) -> None:
    """What the program says of the time without a ready server, against what a client saw; None: there is none."""
    said = failed.document["revision"].get("downtime")
    if seen is None:
        check(said is None, f"the old pods never went, and the program speaks of {said} s of downtime")
        return
    say(f"The program says {said:.1f} s without a ready server; a client that always asked, {seen:.1f} s.")
    check(abs(said - seen) < 1, "what the program says and what the client saw differ")


class Watch:
    """A client that asks production all the time and remembers the longest time without an answer."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.longest = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Watch":
        """Begin to ask."""
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self.done.set()
        self.thread.join()

    def _ask(self) -> None:
        last = time.monotonic()
        while not self.done.wait(0.02):
            if self.stage.ask("production", "/ready"):
                self.longest = max(self.longest, time.monotonic() - last)
                last = time.monotonic()


def rolled_back(stage: Stage) -> None:
    """A setting was wrong, so the same release goes again; users complain, and a person takes it back."""
    stage.edit("model.yaml", _scanner("a5"), _scanner("a4"))
    stage.push("Name production's scanner as it is")
    again = stage.do("build")
    check(again.version == "1.1.0" and not again.document["new"], "a setting of an environment made a new release")
    stage.do("test")
    stage.do("deploy", "production")
    must_run(stage, "production", "1.1.0")
    stage.do("rollback", "production", "--reason", "answers take too long on our scanner")
    must_run(stage, "production", "1.0.2")
    say("The next build still yields 1.1.0. It was taken back, so it does not return by itself:")
    check(stage.do("build").version == "1.1.0", "the next build is not 1.1.0")
    refused = stage.do("deploy", "production", code=4)
    check("rolled it back" in refused.told, f"refused for another reason: {refused.told}")
    must_run(stage, "production", "1.0.2")


def _scanner(name: str) -> str:
    """The line that names production's scanner."""
    return f"    env: {{SCANNER: {name}}}\n"


ACTS: list[tuple[str, Act]] = [
    ("The first release goes to production, with approval", first_release),
    ("An unchanged build makes no new version", unchanged),
    ("A worse model fails the gate against what runs", worse),
    ("A better one is promoted", better),
    ("One that the user test rejects is taken back from the test environment, and production refuses it", rejected),
    ("One whose server never gets ready is rolled back by itself", never_ready),
    ("A rollback by hand, and what it replaced does not come back with the next build", rolled_back),
]
