"""Measure the model on the images that it has not seen, and write metrics.json."""

import json
import time
from pathlib import Path

import numpy as np

from network import DATA, MODEL, classify, parse


def p95_ms(weights: dict[str, np.ndarray], images: np.ndarray) -> float:
    """The time for one image, in milliseconds, that 95 of 100 requests stay below."""
    seconds = []
    for image in images:
        start = time.perf_counter()
        classify(weights, image[np.newaxis])
        seconds.append(time.perf_counter() - start)
    return float(np.percentile(seconds, 95) * 1000)


def main() -> None:
    """Measure and write."""
    data = np.load(DATA)
    images, labels = data["test_images"], data["test_labels"]
    weights = parse(MODEL.read_bytes())
    found = classify(weights, images)
    metrics = {
        "accuracy": float((found == labels).mean()),
        "latency_p95_ms": p95_ms(weights, images),
        "by_digit": {str(digit): float((found == labels)[labels == digit].mean()) for digit in range(10)},
    }
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(f"accuracy {metrics['accuracy']:.3f}, 95 of 100 requests below {metrics['latency_p95_ms']:.3f} ms")


if __name__ == "__main__":
    main()
