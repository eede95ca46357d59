"""The training loop: the loss, seeded epochs that can be interrupted, and the best of them by validation loss."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.files import replacing
from training.data.history import HistoryRow, best_epoch, read_history, write_history

log = logging.getLogger(__name__)


def class_weights(targets: np.ndarray) -> np.ndarray:
    """Return the weight of each class, float32 (classes,), so that all weigh the same in the sum.

    `targets` is (n, classes), one-hot times the sample weight. The weight is their sum / (classes * sum of the
    class).
    """
    counts = targets.sum(axis=0)
    return (counts.sum() / (len(counts) * np.maximum(counts, 1e-9))).astype(np.float32)


def batch_size(count: int) -> int:
    """Return the largest of 4, 8, 16 and 32 that leaves at least 16 steps an epoch, 4 where none does."""
    return next((size for size in (32, 16, 8) if count >= 16 * size), 4)


class Batches(keras.utils.PyDataset):
    """Serve one epoch of weighted batches in an order that the seed and the epoch determine.

    `inputs` is (n, ...), `targets` one-hot (n, classes), `sample_weight` (n,); `change(index, epoch)` returns what
    stands in for input `index` in that epoch.
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


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Say how long and how fast one part of a network is trained."""

    name: str
    """As `history.csv` calls it."""
    epochs: int
    """Passes over the images."""
    learning_rate: float
    """Of Adam."""


def train_epochs(
    network: keras.Model,
    batches: Callable[[int], Batches],
    validation: tuple[np.ndarray, np.ndarray],
    stage: Stage,
    folder: Path,
) -> None:
    """Train `network`, whose output is logits, and leave it with the weights of its best epoch.

    `batches(epoch)` gives the epoch's images. After every epoch its row is in `folder/history.csv`
    and its weights and optimizer state lie beside it, until `remove_checkpoints`: the same call
    goes on after the last complete epoch and ends with the same weights as one that never stopped. (Keras'
    saved weights leave out the random state of a Dropout layer: a network that has one would not.)
    """
    network.compile(
        keras.optimizers.Adam(stage.learning_rate),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        # Accuracy is unweighted, in training as in validation: class weights shape the loss alone.
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    network.optimizer.build(network.trainable_variables)
    history = read_history(folder / "history.csv")
    rows = [row for row in history if row.stage == stage.name]
    if rows:
        network.load_weights(_checkpoint(folder, stage, len(rows)))
    for epoch in range(len(rows), stage.epochs):
        logs = _one_epoch(network, batches(epoch), validation)
        with replacing(_checkpoint(folder, stage, epoch + 1)) as unfinished:
            network.save_weights(unfinished)
        numbers = {name: logs[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        rows.append(HistoryRow(stage=stage.name, epoch=epoch + 1, **numbers))
        history.append(rows[-1])
        shown = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
        log.info("%s, epoch %d of %d: %s", stage.name, epoch + 1, stage.epochs, shown)
        write_history(history, folder / "history.csv")
        for old in range(1, epoch + 1):
            if old != best_epoch(rows):
                _checkpoint(folder, stage, old).unlink(missing_ok=True)
    network.load_weights(_checkpoint(folder, stage, best_epoch(rows)))


class _Advance(keras.callbacks.Callback):
    """Move a progress bar on with every batch."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self._bar = bar

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        self._bar.update()


def _one_epoch(network: keras.Model, batches: Batches, validation: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Train on the batches, and return the epoch's loss and accuracy, `val_` before those of validation."""
    with tqdm(total=len(batches), unit="batch", leave=False, disable=hide_progress()) as bar:
        history = network.fit(
            batches,
            validation_data=validation,
            validation_batch_size=16,
            shuffle=False,
            callbacks=[_Advance(bar)],
            verbose=0,
        ).history
    return {name: values[0] for name, values in history.items()}


def _checkpoint(folder: Path, stage: Stage, epoch: int) -> Path:
    return folder / f"{stage.name}-{epoch}.weights.h5"


def remove_checkpoints(folder: Path) -> None:
    """Remove the weights of single epochs, which nothing needs once the model is written."""
    for checkpoint in folder.glob("*.weights.h5"):
        checkpoint.unlink()
