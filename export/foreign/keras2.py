"""Configurations that Keras 2 wrote, repaired so that Keras 3 reads them; what they mean stays the same."""

from collections.abc import Iterator
from typing import Any

NAMES = {"Model": "Functional"}
"""Classes that are called otherwise now."""


def repaired(found: Any) -> Any:  # noqa: ANN401 - what JSON holds
    """Return a configuration, or a part of it, in the form of Keras 3."""
    if isinstance(found, list):
        return [repaired(one) for one in found]
    if not isinstance(found, dict):
        return found
    done = {
        key: _initializer(value) if key.endswith("_initializer") else repaired(value) for key, value in found.items()
    }
    name, config = done.get("class_name"), done.get("config")
    if name == "Sequential" and isinstance(config, list):  # before 2.2.3
        config = done["config"] = {"name": "sequential", "layers": config}
    if not isinstance(config, dict):
        return done
    if name in NAMES:
        done["class_name"] = NAMES[name]
    if name == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if name == "Sequential":
        config["layers"] = [*_stated_input(config["layers"]), *config["layers"]]
    if "layers" in config:
        for end in ("input_layers", "output_layers"):
            if isinstance(config.get(end), list) and len(config[end]) == 1:
                config[end] = config[end][0]  # a single tensor, which older versions wrote as a list of one
        _count_calls(config)
    if not str(name).startswith(("Conv1D", "Conv2D", "Conv3D")) and config.get("groups") == 1:
        del config["groups"]  # which depthwise convolutions no longer have
    if name == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    return done


def _stated_input(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the layer for the input that the first layer states itself, none where it does not; it no longer does."""
    shape = None
    if layers and layers[0].get("class_name") != "InputLayer":
        shape = layers[0].get("config", {}).pop("batch_input_shape", None)
    return [] if shape is None else [{"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "picture"}}]


def _initializer(found: Any) -> Any:  # noqa: ANN401 - what JSON holds
    """Return how weights begin, which a trained model replaces, without the type that Keras 3 does not know there."""
    if isinstance(found, dict) and isinstance(found.get("config"), dict):
        return found | {"config": {key: value for key, value in found["config"].items() if key != "dtype"}}
    return found


def _count_calls(config: dict[str, Any]) -> None:
    """Count the calls of a model inside a model from 0: Keras 2 counted the making of it as the first."""
    inner = {
        layer["config"].get("name")
        for layer in config["layers"]
        if isinstance(layer, dict) and layer.get("class_name") in ("Functional", "Sequential")
    }
    ends = [config.get(end) for end in ("input_layers", "output_layers")]
    calls = list(_references([*(layer.get("inbound_nodes") for layer in config["layers"]), *ends], inner))
    for name in inner:
        own = [call for call in calls if call[0] == name]
        if own and min(call[1] for call in own) > 0:
            for call in own:
                call[1] -= 1


def _references(found: Any, names: set[str]) -> Iterator[list[Any]]:  # noqa: ANN401 - what JSON holds
    """Yield every [name, call, ...] of these names in a list of lists."""
    if not isinstance(found, list):
        return
    if len(found) > 1 and isinstance(found[0], str):
        if found[0] in names and isinstance(found[1], int):
            yield found
        return
    for one in found:
        yield from _references(one, names)
