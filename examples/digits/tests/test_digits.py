"""Tests of the example's own code, run by `check` before anything is built."""

import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from model_digest import ModelDigest
from network import DATA, classify, dump, parse, probabilities


def random_weights() -> dict[str, np.ndarray]:
    """A network that knows nothing."""
    random = np.random.default_rng(1)
    shapes = {"hidden.weight": (64, 5), "hidden.bias": (5,), "output.weight": (5, 10), "output.bias": (10,)}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


class Digits(unittest.TestCase):
    """What training, evaluation and server rely on."""

    def test_the_data_set_is_whole(self) -> None:
        """1797 images, 64 shades each, every digit on both sides."""
        data = np.load(DATA)
        self.assertEqual([data["train_images"].shape, data["test_images"].shape], [(1297, 64), (500, 64)])
        self.assertEqual(set(data["train_labels"]), set(range(10)))
        self.assertEqual(set(data["test_labels"]), set(range(10)))

    def test_weights_survive_the_file(self) -> None:
        """What is written is what is read, and the same weights give the same bytes."""
        weights = random_weights()
        found = parse(dump(weights))
        self.assertEqual(set(found), set(weights))
        self.assertTrue(all((found[name] == weights[name]).all() for name in weights))
        self.assertEqual(dump(weights), dump(weights))

    def test_probabilities_add_up_and_name_the_class(self) -> None:
        """One row for each image, each adding up to one."""
        images = np.load(DATA)["test_images"][:7]
        found = probabilities(random_weights(), images)
        np.testing.assert_allclose(found.sum(axis=1), np.ones(7), rtol=1e-5)
        self.assertEqual(classify(random_weights(), images).tolist(), found.argmax(axis=1).tolist())

    def test_the_server_reports_the_digest_of_what_it_loaded(self) -> None:
        """Another byte is another digest."""
        digests = set()
        for data in (b"1", b"1", b"2"):
            loaded = ModelDigest()
            self.assertEqual(loaded.add("digits.safetensors", data), data)
            digests.add(loaded.digest)
        self.assertEqual(len(digests), 2)


if __name__ == "__main__":
    unittest.main()
