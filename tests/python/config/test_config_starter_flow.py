"""`init` end to end: real files of every kind, and what it writes builds, is tested and deployed as it is."""

import gzip
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.numpy import save_file

from mini_project import Mini
from served import free_port

MLMODEL = """\
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
mlflow_version: 3.1.0
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
"""


class Classifier:
    """What people pickle: an object of their own with arrays in it."""

    def __init__(self) -> None:
        self.coefficients = numpy.ones((3, 4))


def write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        file = folder / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())


def safetensors(folder: Path) -> None:
    write(folder, model__config_dot_json="{}", model__tokenizer_dot_py="def split(text): return text.split()\n")
    save_file({"w": numpy.ones((3, 4), "float32")}, folder / "model/model.safetensors")


def an_onnx(folder: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 4]) for name in "xy")
    (folder / "the net").mkdir()
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    onnx.save(helper.make_model(graph), folder / "the net" / "my net 1.onnx")


def mlflow(folder: Path) -> None:
    write(folder, mlmodel__MLmodel=MLMODEL, mlmodel__conda_dot_yaml="", mlmodel__model_dot_pkl=pickled())
    write(folder, mlmodel__code__features_dot_py="N = 4\n", mlmodel__data__rows_dot_npy=array())


def mlflow_at_the_top(folder: Path) -> None:
    text = MLMODEL.replace("code: null", "code: code")
    write(folder, MLmodel=text, conda_dot_yaml="", python_env_dot_yaml="", model_dot_pkl=pickled(), notes_dot_txt="x")
    write(folder, code__features_dot_py="N = 4\n")


def joblib(folder: Path) -> None:
    write(folder, model_dot_joblib=pickled(), scaler_dot_pkl_dot_gz=gzip.compress(pickled()))


def skops(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        archive.writestr("schema.json", '{"__class__": "LogisticRegression", "protocol": 2}')
        archive.writestr("140.npy", array())


def beside_the_code(folder: Path) -> None:
    write(folder, src__net_dot_pt=pickled(), src__net_dot_py="class Net: ...\n")


def plain(folder: Path) -> None:
    write(folder, weights__coefficients_dot_txt="1 2 3\n")


def pickled() -> bytes:
    return pickle.dumps(Classifier())


def array() -> bytes:
    stream = io.BytesIO()
    numpy.save(stream, numpy.ones((3, 4)))
    return stream.getvalue()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Mini]:
    mini = Mini(tmp_path / "a new model")
    mini.folder.mkdir()
    mini.git("init", "-q", "-b", "main")
    yield mini
    mini.run("stop", "test")


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        (safetensors, ["config.json", "model.safetensors", "tokenizer.py"]),
        (an_onnx, ["my net 1.onnx"]),
        (mlflow, ["MLmodel", "code/features.py", "conda.yaml", "data/rows.npy", "model.pkl"]),
        (mlflow_at_the_top, ["MLmodel", "code/features.py", "conda.yaml", "model.pkl", "python_env.yaml"]),
        (joblib, ["model.joblib", "scaler.pkl.gz"]),
        (skops, ["model.skops"]),
        (beside_the_code, ["src/net.pt"]),
        (plain, ["coefficients.txt"]),
    ],
)
def test_what_init_writes_builds_as_it_is(kind: Callable[[Path], None], files: list[str], project: Mini) -> None:
    kind(project.folder)
    assert project.run("init")["code"] == 0
    project.commit("Begin")
    checked = project.run("check")
    assert checked["code"] == 0, checked["err"]
    built = project.run("build")
    assert built["code"] == 0, built["err"]
    assert built["version"] == "1.0.0"
    listed = project.run("hash", "model", "--files")["files"]["model"]
    assert [entry["path"] for entry in listed] == files
    assert project.run("verify")["code"] == 0


HEADER = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
WEIGHTS = struct.pack("<Q", len(HEADER)) + HEADER + struct.pack("<2f", 1, 2)
SERVER = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.mark.parametrize(
    ("train", "evaluate", "files"),
    [
        (
            f"import pathlib\npathlib.Path('model').mkdir(exist_ok=True)\n"
            f"pathlib.Path('model', 'w.safetensors').write_bytes({WEIGHTS!r})\n",
            "import json\njson.dump({'accuracy': 0.9}, open('metrics.json', 'w'))\n",
            ["w.safetensors"],
        ),
        (
            "import pickle\npickle.dump({'w': [1, 2]}, open('clf.pkl', 'wb'))\n",
            "import json, os\nos.makedirs('out', exist_ok=True)\n"
            "json.dump({'accuracy': 0.9}, open('out/scores.json', 'w'))\n",
            ["clf.pkl"],
        ),
        (
            "import os, pickle\nos.makedirs('out/net', exist_ok=True)\n"
            f"open('out/net/w.safetensors', 'wb').write({WEIGHTS!r})\n"
            "pickle.dump([1], open(\"out/net/scaler.pkl\", 'wb'))\n",
            "import json\njson.dump({'accuracy': 0.9}, open('metrics.json', 'w'))\n",
            ["scaler.pkl", "w.safetensors"],
        ),
    ],
    ids=["in the usual place", "a pickle at the top", "in a folder of its own"],
)
def test_what_init_writes_trains_tests_and_deploys_as_it_is(
    train: str, evaluate: str, files: list[str], project: Mini
) -> None:
    write(project.folder, train_dot_py=train, evaluate_dot_py=evaluate, serve_dot_py=SERVER)
    assert project.run("init")["code"] == 0
    file = project.folder / "model.yaml"
    file.write_text(file.read_text().replace("port: 8081", f"port: {free_port()}"))  # others may run on this machine
    project.commit("Begin")
    for verb in (["check"], ["build"], ["test"], ["deploy", "test"]):
        done = project.run(*verb)
        assert done["code"] == 0, (verb, done["err"])
    assert done["revision"]["status"] == "verified"
    listed = project.run("hash", "model", "--files")["files"]["model"]
    assert [entry["path"] for entry in listed] == files
    assert project.run("build")["new"] is False
