"""The model: one hidden layer, its weights in a safetensors file. Used by training, evaluation and server alike."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

DATA = Path("data/digits.npz")
MODEL = Path("model/digits.safetensors")
SHADES = 16
SIGNATURE = {
    "inputs": [{"name": "pixels", "dtype": "float32", "shape": [-1, 64]}],
    "outputs": [{"name": "probabilities", "dtype": "float32", "shape": [-1, 10]}],
}


def dump(weights: dict[str, np.ndarray]) -> bytes:
    """The file's bytes, the signature in its header. One metadata key only: their order isn't fixed."""
    return save(weights, metadata={"signature": json.dumps(SIGNATURE, sort_keys=True)})


def parse(data: bytes) -> dict[str, np.ndarray]:
    """The weights in a file's bytes."""
    return load(data)


def probabilities(weights: dict[str, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """For each image (a row of 64 shades from 0 to 16) the probability of each digit."""
    hidden = np.maximum(pixels.astype(np.float32) / SHADES @ weights["hidden.weight"] + weights["hidden.bias"], 0)
    scores = hidden @ weights["output.weight"] + weights["output.bias"]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def classify(weights: dict[str, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """For each image the most probable digit."""
    return probabilities(weights, pixels).argmax(axis=1)
