"""Train on data/ with params.yaml and write the weights. The same inputs give the same bytes."""

import warnings

import numpy as np
import yaml
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from network import DATA, MODEL, SHADES, dump


def main() -> None:
    """Train and write model/digits.safetensors."""
    with open("params.yaml", encoding="utf-8") as stream:
        params = yaml.safe_load(stream)
    data = np.load(DATA)
    network = MLPClassifier((params["hidden"],), max_iter=params["epochs"], random_state=params["seed"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen
        network.fit(data["train_images"] / SHADES, data["train_labels"])
    names = ("hidden", "output")
    weights = {f"{name}.weight": matrix for name, matrix in zip(names, network.coefs_, strict=True)}
    weights |= {f"{name}.bias": vector for name, vector in zip(names, network.intercepts_, strict=True)}
    MODEL.parent.mkdir(exist_ok=True)
    MODEL.write_bytes(dump({name: array.astype(np.float32) for name, array in weights.items()}))
    print(f"trained {params['hidden']} hidden units for {network.n_iter_} epochs, loss {network.loss_:.4f}")


if __name__ == "__main__":
    main()
