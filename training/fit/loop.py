"""The training loop: seeded epochs that can be interrupted, and the best of them by validation loss."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from edge.files import replacing

COLUMNS = ("stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy")


def class_weights(targets: np.ndarray) -> np.ndarray:
    """Return the weight of each class, float32 (classes,), so that all weigh the same in the sum.

    `targets` is (n, classes), one-hot times the worth of the image. The weight is their sum / (classes *
    sum of the class).
    """
    counts = targets.sum(axis=0)
    return (counts.sum() / (len(counts) * np.maximum(counts, 1e-9))).astype(np.float32)


def batch_size(count: int) -> int:
    """Return the largest of 4, 8, 16 and 32 that leaves at least 16 steps an epoch, 4 where none does."""
    return next((size for size in (32, 16, 8) if count >= 16 * size), 4)


class Batches(keras.utils.PyDataset):
    """Serve one epoch of weighted batches in an order that the seed and the epoch determine.

    `inputs` is (n, ...), `targets` one-hot (n, classes), `sample_weight` (n,) how many images each counts as;
    `change(index, epoch)` returns what stands in for input `index` in that epoch.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray,
        epoch: int,
        seed: int,
        change: Callable[[int, int], np.ndarray] | None = None,
    ) -> None:
        """Draw the order of the epoch."""
        super().__init__()
        self._inputs, self._targets, self._epoch, self._change = inputs, targets, epoch, change
        weighted = targets * sample_weight[:, np.newaxis]
        self._weights = weighted @ class_weights(weighted)  # (n,)
        self._order = np.random.default_rng([seed, epoch]).permutation(len(inputs))
        self._size = batch_size(len(inputs))

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self._order) // self._size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the inputs, the one-hot targets and the weights of a batch."""
        chosen = self._order[number * self._size : (number + 1) * self._size]
        inputs = self._inputs[chosen]
        if self._change:
            inputs = np.stack([self._change(int(index), self._epoch) for index in chosen])
        return inputs, self._targets[chosen], self._weights[chosen]


def fit(
    network: keras.Model,
    batches: Callable[[int], Batches],
    validation: tuple[np.ndarray, np.ndarray],
    epochs: int,
    learning_rate: float,
    folder: Path,
    stage: str,
) -> None:
    """Train `network`, whose output is logits, and leave it with the weights of its best epoch.

    `batches(epoch)` gives the epoch's images. After every epoch its row is in `folder/history.csv`
    and its weights and optimizer state lie beside it, until `forget` removes them: the same call
    goes on after the last complete epoch and ends with the same weights as one that never stopped. (Keras'
    saved weights leave out the random state of a Dropout layer: a network that has one would not.)
    """
    network.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        # Accuracy is unweighted, in training as in validation: class weights shape the loss alone.
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    network.optimizer.build(network.trainable_variables)
    history = read_history(folder / "history.csv")
    rows = [row for row in history if row["stage"] == stage]

    def checkpoint(epoch: int) -> Path:
        return folder / f"{stage}-{epoch}.weights.h5"

    if rows:
        network.load_weights(checkpoint(len(rows)))
    for epoch in range(len(rows), epochs):
        logs = network.fit(
            batches(epoch),
            validation_data=validation,
            validation_batch_size=16,
            shuffle=False,
            verbose=1 if sys.stderr.isatty() else 0,
        ).history
        with replacing(checkpoint(epoch + 1)) as unfinished:
            network.save_weights(unfinished)
        rows.append({"stage": stage, "epoch": epoch + 1} | {name: logs[name][0] for name in COLUMNS[2:]})
        history.append(rows[-1])
        numbers = ", ".join(f"{name} {rows[-1][name]:.3f}" for name in COLUMNS[2:])
        print(f"{stage}, epoch {epoch + 1} of {epochs}: {numbers}", file=sys.stderr)
        with replacing(folder / "history.csv") as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(history)
        for old in range(1, epoch + 1):
            if old != best_epoch(rows):
                checkpoint(old).unlink(missing_ok=True)
    network.load_weights(checkpoint(best_epoch(rows)))


def best_epoch(rows: list[dict]) -> int:
    """Return the number of the epoch with the lowest validation loss, the first of equals."""
    return min(rows, key=lambda row: row["val_loss"])["epoch"]


def read_history(file: Path) -> list[dict]:
    """Read `history.csv`: one row an epoch, the numbers as numbers; empty where there is no file."""
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        return [
            {
                name: value if name == "stage" else int(value) if name == "epoch" else float(value)
                for name, value in row.items()
            }
            for row in csv.DictReader(lines)
        ]


def forget(folder: Path) -> None:
    """Remove the weights of single epochs, which nothing needs once the model is written."""
    for checkpoint in folder.glob("*.weights.h5"):
        checkpoint.unlink()
