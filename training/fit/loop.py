"""The training loop: the loss, seeded epochs that can be interrupted, and the best of them by validation loss."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.files import replacing
from training.data.history import HistoryRow, kept_epoch, read_history, write_history
from training.errors import RunError

log = logging.getLogger(__name__)

SMOOTHING = 0.05
"""Label smoothing of fine-tuning."""
LEAST_WEIGHT = 0.5
"""Smallest weight in a thinned epoch."""


def class_weights(targets: np.ndarray) -> np.ndarray:
    """Return the weight of each class, float32 (classes,), so that all weigh the same in the sum.

    `targets` is (n, classes), shares of the classes times the sample weight. The weight is their sum / (classes * sum
    of the class).
    """
    counts = targets.sum(axis=0)
    return (counts.sum() / (len(counts) * np.maximum(counts, 1e-9))).astype(np.float32)


class TargetLoss(keras.losses.Loss):
    """The cross-entropy of logits, for targets (n, classes) whose rows are one-hot, a set, or shares.

    A row of shares sums to 1, as a one-hot one does; the loss is the usual one. A row with several ones is a set of
    classes, one of which is true: the loss is -log of the sum of their probabilities.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        """Take this share of each target from it and give it to all classes alike."""
        super().__init__(name="target_loss")
        self._smoothing = smoothing

    def call(self, targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each row, (n,)."""
        logs = keras.ops.log_softmax(logits)
        of_set = -keras.ops.logsumexp(keras.ops.where(targets > 0, logs, -1e9), axis=-1)
        single = keras.ops.sum(targets, axis=-1) < 1.5
        exact = keras.ops.where(single, -keras.ops.sum(targets * logs, axis=-1), of_set)
        return (1 - self._smoothing) * exact - self._smoothing * keras.ops.mean(logs, axis=-1)


def hits(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Return 1 for each row, (n,), whose most probable class is its own or one of its set, else 0."""
    first = keras.ops.one_hot(keras.ops.argmax(logits, axis=-1), logits.shape[-1])
    return keras.ops.sum(first * keras.ops.floor(targets), axis=-1)


def batch_size(count: int) -> int:
    """Return the largest of 4, 8, 16 and 32 that leaves at least 16 steps an epoch, 4 where none does."""
    return next((size for size in (32, 16, 8) if count >= 16 * size), 4)


class Batches(keras.utils.PyDataset):
    """Serve one epoch of weighted batches in an order that the seed and the epoch determine.

    `inputs` is (n, ...), `targets` (n, classes) as `TargetLoss` takes them, `sample_weight` (n,); `change(index,
    epoch)` returns what stands in for input `index` in that epoch. With `thin`, an input of less than half a weight is
    shown in some epochs only, and then counts for half: the same in the sum, for less time; batches have 16 at most.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray,
        epoch: int,
        seed: int,
        change: Callable[[int, int], np.ndarray] | None = None,
        thin: bool = False,
    ) -> None:
        """Draw the order of the epoch."""
        super().__init__()
        self._inputs, self._targets, self._epoch, self._change = inputs, targets, epoch, change
        weighted = targets / targets.sum(axis=1, keepdims=True) * sample_weight[:, np.newaxis]
        self._weights = weighted @ class_weights(weighted)  # (n,)
        rng = np.random.default_rng([seed, epoch])
        self._order = rng.permutation(len(inputs))
        if thin:
            share = np.minimum(sample_weight / LEAST_WEIGHT, 1)
            self._weights = self._weights / share
            self._order = self._order[rng.random(len(inputs))[self._order] < share[self._order]]
        self._size = min(batch_size(len(self._order)), 16 if thin else 32)

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
    """Of Adam, or, with `decay`, of AdamW at its beginning."""
    decay: bool = False
    """Whether the rate falls to 0 along a cosine, with label smoothing: for fine-tuning."""


def train_epochs(
    network: keras.Model,
    batches: Callable[[int], Batches],
    validation: tuple[np.ndarray, np.ndarray] | None,
    stage: Stage,
    folder: Path,
) -> None:
    """Train `network`, whose output is logits, and leave it with the weights of its best epoch.

    Without `validation` that is the last one. `batches(epoch)` gives the epoch's images. After every epoch its row is
    in `folder/history.csv` and its weights and optimizer state lie beside it, until `remove_checkpoints`: the same
    call goes on after the last complete epoch and ends with the same weights as one that never stopped. (Keras' saved
    weights leave out the random state of a Dropout layer: a network that has one would not.)
    """
    if stage.decay:
        steps = sum(len(batches(epoch)) for epoch in range(stage.epochs))
        optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(stage.learning_rate, steps))
    else:
        optimizer = keras.optimizers.Adam(stage.learning_rate)
    network.compile(
        optimizer,
        TargetLoss(SMOOTHING if stage.decay else 0.0),
        # Accuracy is unweighted, in training as in validation: class weights shape the loss alone.
        metrics=[keras.metrics.MeanMetricWrapper(hits, name="accuracy")],
    )
    network.optimizer.build(network.trainable_variables)
    history = _resumed(network, stage, folder)
    rows = [row for row in history if row.stage == stage.name]
    for epoch in range(len(rows), stage.epochs):
        logs = _one_epoch(network, batches(epoch), validation)
        with replacing(_checkpoint(folder, stage, epoch + 1)) as unfinished:
            network.save_weights(unfinished)
        numbers = {name: logs.get(name, math.nan) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        rows.append(HistoryRow(stage=stage.name, epoch=epoch + 1, **numbers))
        history.append(rows[-1])
        shown = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items() if not math.isnan(value))
        log.info("%s, epoch %d of %d: %s", stage.name, epoch + 1, stage.epochs, shown)
        write_history(history, folder / "history.csv")
        for old in range(1, epoch + 1):
            if old != kept_epoch(rows).epoch:
                _checkpoint(folder, stage, old).unlink(missing_ok=True)
    network.load_weights(_checkpoint(folder, stage, kept_epoch(rows).epoch))


def _resumed(network: keras.Model, stage: Stage, folder: Path) -> list[HistoryRow]:
    """Return the history of an interrupted run, and load its weights; a stage whose files are damaged begins again."""
    weights, moments = network.get_weights(), [variable.numpy() for variable in network.optimizer.variables]
    history: list[HistoryRow] = []
    try:
        history = read_history(folder / "history.csv")
        done = sum(row.stage == stage.name for row in history)
        if done:
            network.load_weights(_checkpoint(folder, stage, done))
    except (RunError, OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: what an interrupted run left is damaged (%s): %s begins again", folder, error, stage.name)
        network.set_weights(weights)
        for variable, value in zip(network.optimizer.variables, moments, strict=True):
            variable.assign(value)
        history = [row for row in history if row.stage != stage.name]
    return history


class _Advance(keras.callbacks.Callback):
    """Move a progress bar on with every batch."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self._bar = bar

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        self._bar.update()


def _one_epoch(
    network: keras.Model, batches: Batches, validation: tuple[np.ndarray, np.ndarray] | None
) -> dict[str, float]:
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
