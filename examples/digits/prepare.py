"""Write data/digits.npz from the data set that scikit-learn ships. Run once; the file is committed.

1797 handwritten digits of 8 × 8 pixels with 17 shades. The last 500 are kept for evaluation: they were
written by other people than the first ones.
"""

import numpy as np
from sklearn.datasets import load_digits

TEST = 500


def main() -> None:
    """Write the file. The same scikit-learn data gives the same bytes."""
    images, labels = load_digits(return_X_y=True)
    images, labels = images.astype(np.uint8), labels.astype(np.uint8)
    np.savez_compressed(
        "data/digits.npz",
        train_images=images[:-TEST],
        train_labels=labels[:-TEST],
        test_images=images[-TEST:],
        test_labels=labels[-TEST:],
    )


if __name__ == "__main__":
    main()
