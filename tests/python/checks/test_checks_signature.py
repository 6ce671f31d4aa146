"""Where the signature comes from (V2), and what its change means (V1)."""

import json
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from safetensors.numpy import save_file

from model_devops.checks import mlflow
from model_devops.checks import onnx as ours
from model_devops.checks.signature import compare_signatures, find_signature
from model_devops.config.types import Signature, Tensor

NOTHING = SimpleNamespace(signature=None)


def tensor(name="x", dtype="float32", shape=(-1, 4)):
    return {"name": name, "dtype": dtype, "shape": list(shape)}


def signature(inputs, outputs):
    return {"inputs": inputs, "outputs": outputs}


def onnx_bytes():
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 2], bytes(32), raw=True)
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4]),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 2]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", inputs, outputs, [weights])
    model = helper.make_model(graph)
    onnx.checker.check_model(model)
    return model.SerializeToString()


ONNX = onnx_bytes()


def put(folder, **files):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


def test_V2_onnx_inputs_and_outputs_without_initializers(tmp_path):
    found = find_signature(NOTHING, put(tmp_path, **{"m.onnx": ONNX}))
    assert found == signature([tensor(shape=["batch", 4])], [tensor("y", shape=[-1, 2])])


def test_V2_every_dtype_of_onnx_has_the_name_that_onnx_and_numpy_give_it(tmp_path):
    for number, name in ours.DTYPES.items():
        x = helper.make_tensor_value_info("x", number, [1])
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["x"])], "g", [x], [x])
        data = helper.make_model(graph).SerializeToString()
        assert find_signature(NOTHING, put(tmp_path, **{"m.onnx": data}))["inputs"] == [tensor("x", name, [1])]
        theirs = TensorProto.DataType.Name(number).lower().replace("double", "float64")
        assert name == {"float": "float32"}.get(theirs, theirs)


def test_V2_declared_goes_before_onnx_and_onnx_before_safetensors(tmp_path):
    text = json.dumps(signature([tensor("from-safetensors")], []))
    save_file({"a": np.ones(1, "f4")}, tmp_path / "a.safetensors", {"signature": text})
    files = {"a.safetensors": tmp_path / "a.safetensors"}
    assert find_signature(NOTHING, files)["inputs"] == [tensor("from-safetensors")]
    files |= put(tmp_path, **{"z.onnx": ONNX})
    assert find_signature(NOTHING, files)["inputs"][0]["name"] == "x"
    declared = Signature(inputs=[Tensor(name="said", dtype="int8", shape=[1])], outputs=[])
    assert find_signature(SimpleNamespace(signature=declared), files)["inputs"] == [tensor("said", "int8", [1])]


def test_V2_weight_tensors_are_never_a_signature(tmp_path):
    save_file({"input": np.ones(1, "f4")}, tmp_path / "a.safetensors")
    assert find_signature(NOTHING, {"a.safetensors": tmp_path / "a.safetensors"}) is None


MLMODEL = """\
flavors: {}
signature:
  inputs: '[{"type": "double", "name": "age"},
    {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]'
  outputs: '[{"type": "long"}]'
  params: null
"""


def test_V2_mlmodel_columns_and_tensors(tmp_path):
    found = find_signature(NOTHING, put(tmp_path, MLmodel=MLMODEL.encode()))
    assert found == signature(
        [tensor("age", "double", [-1]), tensor("1", "float32", [-1, 3])], [tensor("0", "long", [-1])]
    )


def test_any_truncation_of_onnx_is_no_traceback_and_no_wrong_signature(tmp_path):
    whole = find_signature(NOTHING, put(tmp_path, **{"m.onnx": ONNX}))
    for size in range(len(ONNX)):
        (tmp_path / "m.onnx").write_bytes(ONNX[:size])
        assert ours.signature(tmp_path / "m.onnx") in (None, whole)


def test_a_number_where_onnx_has_a_text_is_no_huge_allocation(tmp_path):
    number = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"  # field 1, where an output's name belongs
    output = b"\x62" + bytes([len(number) + 4]) + number + b"\x12\x02\x0a\x00"
    path = put(tmp_path, **{"m.onnx": b"\x3a" + bytes([len(output)]) + output})["m.onnx"]
    assert ours.signature(path) is None


def canonical(found):
    """What is found must fit into a record."""
    return found is None or rfc8785.dumps(found)


@settings(max_examples=300)
@given(st.binary(max_size=60), st.integers(0, len(ONNX)), st.integers(0, 40))
def test_any_onnx_bytes_are_no_traceback(tmp_path_factory, noise, at, cut):
    folder = tmp_path_factory.mktemp("f", numbered=True)
    for data in (noise, ONNX[:at] + noise + ONNX[at + cut :]):
        canonical(find_signature(NOTHING, put(folder, **{"m.onnx": data})))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "tensor-spec", "dtype", "shape", "inputs", "outputs", "signature"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(values, values)
def test_any_mlmodel_is_no_traceback(tmp_path_factory, inputs, other):
    folder = tmp_path_factory.mktemp("f", numbered=True)
    for stated in ({"inputs": json.dumps(inputs)}, {"inputs": inputs}, {"inputs": json.dumps([other, inputs])}, other):
        canonical(find_signature(NOTHING, put(folder, MLmodel=json.dumps({"signature": stated}).encode())))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_named_mlmodel_are_no_traceback(tmp_path_factory, data):
    put(tmp_path_factory.mktemp("f", numbered=True), MLmodel=data)
    assert mlflow.signature(put(tmp_path_factory.mktemp("f", numbered=True), MLmodel=data)["MLmodel"]) is None


@settings(max_examples=200)
@given(values)
def test_any_signature_in_safetensors_is_no_traceback(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("f", numbered=True) / "a.safetensors"
    for text in (json.dumps(value), json.dumps({"inputs": [value], "outputs": [value]}), "\\ud800"):
        save_file({"a": np.ones(1, "f4")}, path, {"signature": text})
        canonical(find_signature(NOTHING, {"a.safetensors": path}))


BASE = signature([tensor("a"), tensor("b")], [tensor("y")])


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (signature([tensor("b"), tensor("a")], [tensor("y")]), "same"),
        (signature([tensor("a", shape=["n", 4]), tensor("b")], [tensor("y")]), "same"),
        (signature([tensor("a"), tensor("b")], [tensor("y"), tensor("z")]), "extended"),
        (signature([tensor("a"), tensor("b"), tensor("c")], [tensor("y")]), "broken"),
        (signature([tensor("a")], [tensor("y")]), "broken"),
        (signature([tensor("a"), tensor("b")], []), "broken"),
        (signature([tensor("a", "float64"), tensor("b")], [tensor("y")]), "broken"),
        (signature([tensor("a", shape=[-1, 5]), tensor("b")], [tensor("y")]), "broken"),
        (None, "lost"),
    ],
)
def test_V1_what_a_change_of_the_signature_means(new, expected):
    assert compare_signatures(BASE, new) == expected


def test_V2_unknown_on_both_sides_says_nothing():
    assert compare_signatures(None, None) == "unknown"
    assert compare_signatures(None, BASE) == "newly-known"
