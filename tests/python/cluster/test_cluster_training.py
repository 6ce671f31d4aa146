"""Training as a Job in a real cluster: `train.kubernetes`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import Cluster
from cluster_line import in_front
from cluster_use import wait_for
from deployed import Deployed, deployed_in
from fault_proxy import Act, resets
from job_use import as_documented, nothing_left, running, told
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client

pytestmark = pytest.mark.timeout(300)
#: Says where it is, then makes the model.
HEAD = """\
import json, os, pathlib, struct, time
shard = os.environ["MODEL_DEVOPS_SHARD"]
name, dataset = os.environ["MODEL_DEVOPS_NAME"], os.environ["MODEL_DEVOPS_DATASET_DIGEST"]
print("training", name, dataset, "as", os.getuid(), flush=True)
print("files:", json.dumps(sorted(str(path) for path in pathlib.Path(".").rglob("*") if path.is_file())), flush=True)
def write(name, data):
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    with open(name, "wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.write(data)
"""
PLAIN = 'seed = open("params.yaml").read().encode()\nwrite("model/weights.safetensors", seed)\n'


#: Its child holds its output open.
CHILD = 'import subprocess, sys\nsubprocess.run([sys.executable, "-c", "import time; time.sleep(60)"])\n'


def script(body: str = PLAIN) -> dict[str, str]:
    return {"train.py": HEAD + body}


@pytest.fixture
def trained(tmp_path: Path, cluster: Cluster, restricted_namespace: str, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A project whose model is made in a namespace for restricted pods."""
    found = deployed_in(restricted_namespace, tmp_path, cluster, monkeypatch)
    base = re.search(r"base: (\S+):3", (found.mini.folder / "model.yaml").read_text())
    assert base is not None
    image = Client.open(parse(f"oci://{base[1]}")).manifest("3")
    assert image is not None
    block = f"train:\n  run: python3 train.py\n  timeout: 2m\n  kubernetes:\n    namespace: {restricted_namespace}\n"
    block += f"    image: {base[1]}@{image.digest}\n"
    text = (found.mini.folder / "model.yaml").read_text()
    text = re.sub("train: .*\n", block, text.partition("package:\n")[0])
    found.mini.commit("training there", **{"model.yaml": text}, **script())
    return found


def weights(trained: Deployed) -> bytes:
    return (trained.mini.folder / "model" / "weights.safetensors").read_bytes()


def test_training_runs_in_a_pod_with_what_was_given_and_the_model_is_fetched(trained: Deployed, tmp_path: Path) -> None:
    built = trained.ok("build", KUBECONFIG=as_documented(trained, tmp_path))
    assert built["trained"] is True
    assert "training mini sha256:" in built["err"]
    (line,) = [line for line in built["err"].splitlines() if line.startswith("files: ")]
    files = set(json.loads(line.removeprefix("files: ")))
    assert {"train.py", "params.yaml", "data/rows.csv", "extra files/größe.txt"} <= files
    assert not [name for name in files if name.startswith("model/")]
    assert weights(trained).endswith(b"seed: 1\n")
    assert not (trained.mini.folder / ".model-devops" / "fetched").exists()
    trained.ok("verify", built["release"]["version"])
    wait_for(lambda: nothing_left(trained))


def test_B5_what_is_skipped_was_trained_in_the_same_image(trained: Deployed) -> None:
    trained.ok("build")
    trained.mini.commit("served otherwise", **{"serve.py": "print()\n"})
    text = (trained.mini.folder / "model.yaml").read_text()
    same = text.replace("serve.py, ", "")  # code decides, the server's settings don't
    trained.mini.commit("less code", **{"model.yaml": same})
    assert trained.ok("build")["trained"] is True, "other code"
    trained.mini.commit("greeting", **{"model.yaml": same.replace("hello", "good day")})
    assert trained.ok("build")["trained"] is False
    image = re.search(r"image: (\S+)@", same)
    assert image is not None
    client = Client.open(parse(f"oci://{image[1]}"))
    stored = client.manifest("3")
    assert stored is not None
    document = json.loads(stored.data) | {"annotations": {"of": "another image"}}
    data = json.dumps(document).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    client.put_manifest("other", data, stored.media_type)
    trained.mini.commit("image", **{"model.yaml": same.replace(stored.digest, digest)})
    assert trained.ok("build")["trained"] is True


def test_training_that_fails_is_told_and_what_was_there_stays(trained: Deployed) -> None:
    trained.ok("build")
    before = weights(trained)
    trained.mini.commit("fails", **script(PLAIN.replace("seed)", 'b"half")') + 'raise SystemExit("no data in it")\n'))
    failed = trained.run("build")
    assert failed["code"] == 3, failed["err"]
    assert (
        "training failed: `python3 train.py` ended with exit code 1; its last line was: no data in it"
        in failed["error"]["message"]
    )
    assert weights(trained) == before
    trained.mini.commit("writes nothing", **script("pass\n"))
    failed = trained.run("build")
    assert failed["code"] == 3
    assert "training ended without a model" in failed["error"]["message"]
    trained.settings("timeout: 2m", "timeout: 3s")
    trained.mini.commit("too slow", **script(CHILD))
    failed = trained.run("build")
    assert failed["code"] == 3
    assert "was ended after its time limit" in failed["error"]["message"]
    assert weights(trained) == before
    wait_for(lambda: nothing_left(trained))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('os.mkdir("model"); os.symlink("/etc/passwd", "model/link")\n', "link"),
        ('os.mkdir("model"); os.mkfifo("model/pipe")\n', "pipe"),
        ('write("model/a", b"1"); write("model/A", b"2")\n', "case"),
    ],
    ids=["link", "pipe", "two-alike"],
)
def test_what_cannot_be_content_is_refused_by_name(trained: Deployed, body: str, words: str) -> None:
    trained.mini.commit("strange", **script(PLAIN.replace("model/w", "w") + body))
    failed = trained.run("build")
    assert failed["code"] == 3, failed["err"]
    assert words in failed["err"]
    assert "Traceback" not in failed["err"]


def test_shards_write_files_of_their_own_and_not_the_same(trained: Deployed) -> None:
    trained.settings("timeout: 2m\n  kubernetes:\n", "timeout: 2m\n  kubernetes:\n    shards: 2\n")
    trained.mini.commit("members", **script('write(f"model/member-{shard}.safetensors", shard.encode() * 9)\n'))
    trained.ok("build")
    folder = trained.mini.folder / "model"
    assert sorted(path.name for path in folder.iterdir()) == ["member-0.safetensors", "member-1.safetensors"]
    assert (folder / "member-1.safetensors").read_bytes().endswith(b"111111111")
    trained.mini.commit("the same", **script())
    failed = trained.run("build")
    assert failed["code"] == 3
    assert "shards 0 and 1 both wrote model/weights.safetensors" in failed["error"]["message"]


LARGE = """\
import random
random.seed(1)
with open("model/rest.bin", "wb") as stream:
    for _ in range(160):
        stream.write(random.randbytes(1 << 20))
open("model/empty.txt", "w").close()
write("model/z.safetensors", b"end")
"""


def broken(size: int) -> Act:
    """Agreed to, and broken off after so many bytes."""
    return lambda exchange: exchange.join(size)


def test_a_large_model_comes_whole_over_connections_that_break_in_little_memory(
    trained: Deployed, tmp_path: Path
) -> None:
    trained.mini.commit("large", **script(PLAIN + LARGE))
    file = Path(as_documented(trained, tmp_path))
    with in_front(trained.cluster, file) as proxy:
        proxy.on("GET", "exec.*extractall", resets)
        proxy.on("GET", "exec.*%22start%22%2C.%22result%22", broken(180), times=2, after=2)
        for size in (50 << 20, 70 << 20):
            proxy.on("GET", "exec.*sys.stdout.buffer", broken(size))
        code = "import resource, subprocess, sys; sys.stdout.flush()\n"
        code += f"done = subprocess.run([{sys.executable!r}, '-m', 'model_devops', 'build'])\n"
        code += "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(done.returncode)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=trained.mini.folder,
            env=os.environ | {"KUBECONFIG": str(file)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not [fault for fault in proxy.faults if fault.times], "each struck"
        assert "the commands run on, it is asked again" in done.stderr
    import random

    same = random.Random(1)
    digest = hashlib.sha256(b"".join(same.randbytes(1 << 20) for _ in range(160))).hexdigest()
    folder = trained.mini.folder / "model"
    assert hashlib.sha256((folder / "rest.bin").read_bytes()).hexdigest() == digest
    assert (folder / "empty.txt").stat().st_size == 0
    assert (folder / "z.safetensors").read_bytes().endswith(b"end")
    peak = int(re.findall(r"peak (\d+)", done.stdout)[0])
    assert peak < 120 << 10, f"{peak >> 10} MiB"


def test_a_build_that_was_killed_is_gone_on_with(trained: Deployed) -> None:
    trained.mini.commit("slow", **script("time.sleep(8)\n" + PLAIN))
    with running(trained, "build", lambda: "training mini" in told(trained)) as first:
        first.kill()
    built = trained.ok("build")
    assert "is there already: it is taken up" in built["err"]
    assert built["err"].count("training mini") == 1
    assert weights(trained).endswith(b"seed: 1\n")
    wait_for(lambda: nothing_left(trained))


def test_two_builds_of_the_same_at_once_train_once_and_both_end_well(trained: Deployed) -> None:
    trained.mini.commit("slow", **script("time.sleep(8)\n" + PLAIN))
    other = trained.mini.folder.parent / "other"
    subprocess.run(["git", "clone", "-q", str(trained.mini.folder), str(other)], check=True)
    with running(trained, "build", lambda: "training mini" in told(trained)) as first:
        second = subprocess.run(
            [sys.executable, "-m", "model_devops", "build"],
            cwd=other,
            capture_output=True,
            text=True,
            check=False,
        )
        first.wait(timeout=120)
    assert (first.returncode, second.returncode) == (0, 0), told(trained) + second.stderr
    assert "is there already: it is taken up" in second.stderr
    wait_for(lambda: nothing_left(trained))
