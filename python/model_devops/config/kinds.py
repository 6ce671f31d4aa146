"""How weights are told by their names, where a folder is looked at for the first time."""

from __future__ import annotations

#: Kinds of weights, the safest and most telling first: words, and how file names end.
KINDS = (
    ("safetensors", (".safetensors",)),
    ("ONNX", (".onnx",)),
    (
        "scikit-learn, joblib or pickle",
        (".skops", ".joblib", ".pkl", ".pickle", ".joblib.gz", ".pkl.gz", ".pickle.gz"),
    ),
    ("PyTorch, in a format made of pickle", (".pt", ".pth", ".ckpt")),
    ("weights", (".gguf", ".h5", ".hdf5", ".keras", ".tflite", ".pb", ".npz", ".npy", ".cbm", ".ubj", ".bin")),
)
WEIGHTS = tuple(end for _, ends in KINDS for end in ends)
#: Those that the checks of the model refuse, whatever is in them, unless they are allowed (docs/checks.md).
NEED_LEAVE = tuple(end for end in (*KINDS[2][1], *KINDS[3][1], ".h5", ".hdf5", ".keras") if end != ".skops")
