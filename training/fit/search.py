"""The search for a recipe: cross-validations of recipes that Optuna proposes; an interrupted search goes on."""

import dataclasses
import logging
import shutil
import warnings
from collections.abc import Callable, Mapping
from functools import partial

import keras
import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sklearn.metrics import f1_score

from training.data.recipe import Recipe
from training.data.training_set import TrainingSet, read_training_set
from training.evaluation.search import Search, Trial
from training.fit.cross_validation import cross_validate
from training.fit.network import NetworkTrainer
from training.fit.run import RunInputs, claimed, configuration
from training.models.networks import learning_rate_of

log = logging.getLogger(__name__)

STOP_AT = 0.2
"""A trial is stopped where its folds are worse than the same ones of the best trial, by Wilcoxon's signed ranks, with a
probability of error below this: of five folds after the third at the earliest."""
JOURNAL = "trials.log"


def _learning_rate(trial: optuna.Trial, recipe: Recipe) -> float:
    usual = learning_rate_of(recipe.model, recipe.fine_tune)
    return trial.suggest_float("learning_rate", usual / 10, usual * 10, log=True)


SEARCHED: Mapping[str, Callable[[optuna.Trial, Recipe], float]] = {
    "learning_rate": _learning_rate,
    "epochs": lambda trial, _: trial.suggest_int("epochs", 4, 24),
    "augmentations": lambda trial, _: trial.suggest_int("augmentations", 1, 6),
    "acquisitions": lambda trial, _: trial.suggest_int("acquisitions", 0, 6),
}
"""What can be searched, by field of the recipe, besides the sample weights of auxiliary images."""


def search(recipe: Recipe, inputs: RunInputs, searched: tuple[str, ...], trials: int) -> Search:
    """Cross-validate `trials` recipes that differ from `recipe` in the fields `searched`; return what came out.

    The folders of `inputs.auxiliary` with a weight of 0 get theirs from the search. Trials that the folder
    `inputs.out` holds already count; the same search with more trials goes on. Raises as `train` does.
    """
    fixed = [(folder, weight or 1.0) for folder, weight in inputs.auxiliary]
    free = [str(folder.path) for folder, weight in inputs.auxiliary if not weight]
    training_set = read_training_set(inputs.data, fixed, recipe, inputs.apart_from)
    config = configuration(inputs, training_set.everything, recipe)
    with claimed(inputs.out, config | {"searched": [*searched, *map(weight_of, free)]}):
        return _searched(recipe, inputs, searched, free, training_set, trials)


def _searched(
    recipe: Recipe,
    inputs: RunInputs,
    searched: tuple[str, ...],
    free: list[str],
    training_set: TrainingSet,
    trials: int,
) -> Search:
    """Search in a folder that is this process' own."""
    study = _study(inputs)
    while (done := len(_finished(study))) < trials:
        log.info("trial %d of %d", done + 1, trials)
        # What a trial's sampler proposes depends on the seed and the finished trials, never on interrupted ones.
        state = np.random.SeedSequence([recipe.seed, done]).generate_state(1)
        study.sampler = optuna.samplers.TPESampler(seed=int(state[0]), constant_liar=False)
        trial = study.ask()
        tried = dataclasses.replace(recipe, **{name: SEARCHED[name](trial, recipe) for name in searched})
        weights = {name: trial.suggest_float(weight_of(name), 0.01, 1, log=True) for name in free}
        log.info("%s", ", ".join(f"{name} {value:.3g}" for name, value in trial.params.items()))
        trainer = NetworkTrainer(
            contract=training_set.contract, recipe=tried, weights=inputs.weights, cache=inputs.cache
        )
        folder = inputs.out / "trials" / str(done + 1)
        try:
            found, _ = cross_validate(training_set.weighted(weights), trainer, folder, partial(_tell, trial))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
            log.info("trial %d: stopped early, it is worse than the best one", done + 1)
        else:
            score = macro_f1(found.images.truth, found.images.predicted)
            study.tell(trial, score)
            log.info("trial %d: macro-F1 %.3f", done + 1, score)
        shutil.rmtree(folder)
        keras.utils.clear_session()
    return Search(
        model=recipe.model,
        images=len(training_set.own),
        trials=tuple(_trial(number, one) for number, one in enumerate(_finished(study), start=1)),
    )


def weight_of(folder: str) -> str:
    """Return the name of an auxiliary folder's sample weight among what is searched."""
    return f"weight of {folder}"


def macro_f1(truth: np.ndarray, named: np.ndarray) -> float:
    """Return the mean F1 of the classes that `truth` has."""
    return float(f1_score(truth, named, labels=np.unique(truth), average="macro", zero_division=0))


def _study(inputs: RunInputs) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=STOP_AT)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(inputs.out / JOURNAL))),
        pruner=pruner,
        study_name="recipe",
        direction="maximize",
        load_if_exists=True,
    )


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were computed; one that an interrupt left is computed again."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _tell(trial: optuna.Trial, fold: int, truth: np.ndarray, named: np.ndarray) -> None:
    """Tell Optuna how a fold came out; end the trial where it is not worth going on."""
    trial.report(macro_f1(truth, named), fold)
    if trial.should_prune():
        raise optuna.TrialPruned


def _trial(number: int, found: FrozenTrial) -> Trial:
    folds = tuple(value for _, value in sorted(found.intermediate_values.items()))
    score = found.value if found.state == TrialState.COMPLETE else None
    return Trial(number=number, settings=dict(found.params), folds=folds, macro_f1=score)
