"""The acts that need pods: played where the environments are in a cluster."""

from places import InCluster
from stage import Stage, check, say
from story import Act, image_of, must_run


def every_pod(stage: Stage) -> None:
    """What the cluster itself says of production's pods is what the release names."""
    assert isinstance(stage.place, InCluster)
    digest = image_of(stage, "1.0.2")["digest"]
    images = stage.place.images("production")
    check(len(images) == 2 and all(image.endswith(digest) for image in images), f"production runs {images}")
    say(f"Both pods run {digest[:19]}…, by the word of their node; none was proved by what a Service answered.")


def by_hand(stage: Stage) -> None:
    """Another release's image: `status` finds it, and a deployment takes it back once somebody says that it may."""
    assert isinstance(stage.place, InCluster)
    container = {"name": "server", "image": "{repository}@{digest}".format_map(image_of(stage, "1.1.0"))}
    stage.place.change("digits-production", {"spec": {"template": {"spec": {"containers": [container]}}}})
    found = stage.do("status", "production")
    check(not found.document["healthy"], f"status finds nothing: {found.told}")
    say("; ".join(found.document["environments"][0]["remarks"]))
    refused = stage.do("deploy", "production", "--release", "1.0.2", code=4)
    check("is set by somebody" in refused.told, f"refused for another reason: {refused.told}")
    stage.do("adopt", "production", "--reason", "a try that is over")
    stage.do("deploy", "production", "--release", "1.0.2")
    check(stage.run("status", "production").document["healthy"], "production is not mended")
    must_run(stage, "production", "1.0.2")


PODS: list[tuple[str, Act]] = [
    ("Every pod of production, seen from outside", every_pod),
    ("Somebody changes what runs in the cluster", by_hand),
]
