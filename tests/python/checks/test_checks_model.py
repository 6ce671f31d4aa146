"""What must not pass as a model."""

import gzip
import io
import json
import pickle
import random
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from model_devops.checks.model import check_model
from model_devops.checks.safetensors import SIZES, check_safetensors


def found(path, *allow):
    return [problem.message for problem in check_model({path.name: path}, allow)]


def written(tmp_path, data, name="file"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def tensors(tmp_path, header, payload=b"", length=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    data = struct.pack("<Q", len(raw) if length is None else length) + raw + payload
    return written(tmp_path, data, "w.safetensors")


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_real_files_of_the_safetensors_package_pass(tmp_path):
    arrays = {str(kind): np.ones((3, 5), kind) for kind in ("f2", "f4", "f8", "i1", "i8", "u4", "bool")}
    save_file(arrays | {"none": np.zeros((0, 4), "f4"), "one": np.array(1, "f4")}, tmp_path / "a.safetensors")
    assert found(tmp_path / "a.safetensors") == []


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_found_by_tensor_wherever_they_are(tmp_path, kind, value):
    arrays = {"good": np.ones(9, kind), "bad": np.ones(3_000_001, kind)}
    arrays["bad"][-1] = value
    save_file(arrays, tmp_path / "a.safetensors")
    assert found(tmp_path / "a.safetensors") == ["tensor 'bad' holds NaN or infinity"]


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_the_largest_and_smallest_numbers_are_numbers(tmp_path, kind):
    info = np.finfo(kind)
    values = np.array([info.max, info.min, info.tiny, -info.tiny, 0, -0.0, 1], kind)
    save_file({"edge": values, "ints": np.full(8, -1, "i4")}, tmp_path / "a.safetensors")
    assert found(tmp_path / "a.safetensors") == []


def test_every_half_and_every_bfloat_is_judged_as_numpy_judges_it(tmp_path):
    for bits in range(0, 1 << 16, 251):
        number = np.array([bits], "u2")
        half = not np.isfinite(number.view("f2")[0])
        brain = not np.isfinite((number.astype("u4") << 16).view("f4")[0])
        for dtype, expected in (("F16", half), ("BF16", brain)):
            path = tensors(tmp_path, {"a": entry(dtype, [1], [0, 2])}, number.tobytes())
            assert bool(check_safetensors(path)) is expected, (bits, dtype)


@pytest.mark.parametrize("bad", [complex(np.inf, 1), complex(1, -np.inf), complex(np.nan, 1), complex(1, np.nan)])
def test_both_parts_of_a_complex_number_are_looked_at(tmp_path, bad):
    for value, expected in ((bad, True), (complex(np.finfo("f4").max, np.finfo("f4").tiny), False)):
        data = np.array([1, value], "c8").tobytes()
        assert bool(check_safetensors(tensors(tmp_path, {"a": entry("C64", [2], [0, 16])}, data))) is expected


@pytest.mark.parametrize(
    ("dtype", "bad", "good"),
    [
        ("F8_E4M3", b"\x7f", b"\x7e"),
        ("F8_E4M3", b"\xff", b"\xfe"),
        ("F8_E5M2", b"\x7c", b"\x7b"),
        ("F8_E8M0", b"\xff", b"\x7f"),
    ],
)
def test_numbers_of_one_byte(tmp_path, dtype, bad, good):
    assert check_safetensors(tensors(tmp_path, {"a": entry(dtype, [1], [0, 1])}, bad))
    assert not check_safetensors(tensors(tmp_path, {"a": entry(dtype, [1], [0, 1])}, good))


@pytest.mark.parametrize(
    ("header", "payload", "length", "reason"),
    [
        (b"", b"", 1 << 40, "header claims"),
        (b"{}", b"", 500, "header claims 500 bytes, and 2 are there"),
        (b"\xff\xfe", b"", None, "no JSON"),
        (b"[]", b"", None, "no JSON object"),
        (b'{"a":{"dtype":"F32"', b"", None, "no JSON"),
        (b"[" * 5000, b"", None, "no JSON"),
        (b'{"a":1,"a":2}', b"", None, "twice"),
        ({"a": 1}, b"", None, "by no object"),
        ({"a": entry("F31")}, bytes(4), None, "unknown dtype"),
        ({"a": entry(shape=[-1])}, bytes(4), None, "no sound shape"),
        ({"a": entry(shape=[True])}, bytes(4), None, "no sound shape"),
        ({"a": entry(shape=[2])}, bytes(4), None, "claims 4 bytes for F32 [2]"),
        ({"a": entry(shape=[1 << 62] * 60)}, bytes(4), None, "claims"),
        ({"a": entry(offsets=[4, 0])}, bytes(4), None, "claims"),
        ({"a": entry(), "b": entry()}, bytes(4), None, "begins at 0"),
        ({"a": entry(), "b": entry(offsets=[8, 12])}, bytes(12), None, "begins at 8"),
        ({"a": entry()}, bytes(3), None, "end at 4, and the file at 3"),
        ({"a": entry()}, bytes(5), None, "end at 4, and the file at 5"),
        ({"__metadata__": {"a": 1}}, b"", None, "__metadata__"),
    ],
)
def test_a_lying_header_is_told(tmp_path, header, payload, length, reason):
    (message,) = found(tensors(tmp_path, header, payload, length))
    assert reason in message


def test_every_truncation_of_a_real_file_is_told(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": np.arange(4, dtype="f4"), "b": np.ones(2, "f8")}, path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert len(found(path)) == 1, size


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(SIZES)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), values) | values, st.binary(max_size=16))
def test_any_header_is_judged_without_a_traceback(tmp_path_factory, header, payload):
    for problem in check_safetensors(tensors(tmp_path_factory.mktemp("f", numbered=True), header, payload)):
        assert problem.hint


@settings(max_examples=200)
@given(st.binary(max_size=80), st.sampled_from(["a.safetensors", "a.onnx", "a.bin", "a.zip", "a.npy"]))
def test_any_bytes_are_judged_without_a_traceback(tmp_path_factory, data, name):
    for prefix in (b"", b"PK\x03\x04", b"\x93NUMPY", b"\x80\x04", b"MZ"):
        found(written(tmp_path_factory.mktemp("f", numbered=True), prefix + data, name))


def test_a_git_lfs_pointer_is_no_weights(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    for name in ("w.safetensors", "w.bin", "w.onnx"):
        assert "Git-LFS pointer" in found(written(tmp_path, pointer, name))[0]


class Evil:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["m.pkl", "m.bin", "weights"])
def test_a_pickle_is_refused_by_its_content_in_every_protocol(tmp_path, protocol, name):
    path = written(tmp_path, pickle.dumps(Evil(), protocol), name)
    assert "pickle" in found(path)[0]
    assert found(path, name) == []
    assert found(path, "other.*") != []


def test_a_long_old_pickle_is_refused_too(tmp_path):
    path = written(tmp_path, pickle.dumps([Evil(), "x" * 200_000], 0), "m.bin")
    assert "pickle" in found(path)[0]


@pytest.mark.parametrize("protocol", [0, 1])
def test_what_stands_behind_a_call_hides_nothing(tmp_path, protocol):
    """An unpickler has run it by then."""
    data = pickle.dumps(Evil(), protocol)
    for behind in (b"\xff" * 9, b"", b"\xff" * 100_000):
        assert "pickle" in found(written(tmp_path, data.removesuffix(b".") + behind, "m.bin"))[0]
    before = pickle.dumps(["plain", {"a": 1.5}, (1, 2, 3)], protocol).removesuffix(b".")
    assert "pickle" in found(written(tmp_path, before + b"0" + data, "m.bin"))[0]


@pytest.mark.parametrize(
    "data",
    [
        b"R" + b"\x80" * 99,
        b"NNR" + b"\xff" * 9,
        b"cos\nsystem\nR.",
        b"cos\nsystem\n(tR."[:-2] + b"\xfe",
        b"c\n" * 40_000,
        b"cat\ndog\nbook\nred\n" * 9_000,
        b"In the beginning\nNo one\nRest\n",
        b"c\xc3\xa9\nb\nNR",
        pickle.dumps([1, "a", {"b": 2.5}], 0),
    ],
    ids=["call of nothing", "call of None", "too few", "no call", "letters", "words", "lines", "no name", "plain data"],
)
def test_what_no_unpickler_would_run_is_none(tmp_path, data):
    assert found(written(tmp_path, data, "m.bin")) == []


def test_random_weights_are_no_pickles(tmp_path):
    """One in thirty was taken for one: many bytes are operations."""
    dice = random.Random(5)
    for number in range(1000):
        data = bytes([number % 256]) + dice.randbytes(70_000)
        if number % 256 != 0x80:
            assert not [said for said in found(written(tmp_path, data, "m.bin")) if "pickle" in said], number


def zipped(name, data):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr(name, data)
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return stream.getvalue()


def array(values, **options):
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


WIDE = np.zeros(1, [(f"a-field-with-a-long-name-{number}", "f4") for number in range(60)] + [("o", object)])
EXECUTABLE = {
    "torch": ("m.bin", zipped("archive/data.pkl", b"x")),
    "zip with a renamed pickle": ("m.bin", zipped("weights", pickle.dumps(Evil()))),
    "zip with code": ("m.zip", zipped("handler.py", b"pass")),
    "keras": ("m.keras", zipped("config.json", b"{}")),
    "damaged zip": ("m.bin", zipped("a", b"1" * 500)[:300]),
    "objects": ("m.npy", array(np.array([{}], object), allow_pickle=True)),
    "objects behind many fields": ("m.npy", array(WIDE, allow_pickle=True)),
    "objects in npz": ("m.npz", zipped("a.npy", array(np.array([{}], object), allow_pickle=True))),
    "hdf5": ("m.weights", b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "elf": ("m.bin", b"\x7fELF" + bytes(60)),
    "windows": ("m.bin", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0"),
    "script": ("run", b"#!/bin/sh\n"),
    "python": ("modeling.py", b"pass\n"),
    "gzip": ("m.bin", gzip.compress(b"x")),
    "tar": ("m.nemo", tarred()),
    "tensorflow": ("saved_model.pb", b"\x08\x01"),
    "joblib by name": ("m.joblib", b"x\x9c"),
}


@pytest.mark.parametrize("case", EXECUTABLE)
def test_executable_formats_are_refused_unless_allowed_by_name(tmp_path, case):
    name, data = EXECUTABLE[case]
    path = written(tmp_path, data, name)
    (problem,) = check_model({name: path}, [])
    assert (problem.file, "loading it can run code" in problem.message) == (str(path), True)
    assert f"allow: [{name}]" in problem.hint
    assert check_model({name: path}, [name]) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("config.json", b'{"a": 1}'),
        ("README.md", b"I am a model.\nTry me.\n"),
        ("vocab.txt", b"the\nof\n"),
        ("MLmodel", b"flavors: {}\n"),
        (".gitkeep", b""),
        ("a.npy", array(np.ones(3))),
        ("a.npz", zipped("a.npy", array(np.ones(3)))),
        ("raw.bin", b"MZ" + bytes(100)),
        ("w.bin", np.ones(1000, "f4").tobytes()),
        ("tree.json", b"[" * 100_000),
    ],
)
def test_harmless_files_pass(tmp_path, name, data):
    full = written(tmp_path, b"x", "other")
    assert check_model({name: written(tmp_path, data, name), "other": full}, []) == []


def test_empty_weights_and_a_model_of_nothing_are_told(tmp_path):
    for name in ("m.onnx", "m.gguf", "m.bin"):
        assert found(written(tmp_path, b"", name)) == ["is empty"]
    assert found(written(tmp_path, b"", "anything")) == ["the model has only empty files"]


def test_all_problems_are_told_at_once(tmp_path):
    files = {name: written(tmp_path, b"#!x", name) for name in ("a", "b", "c.safetensors")}
    assert len(check_model(files, [])) == 3
