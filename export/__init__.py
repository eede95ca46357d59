"""From a trained `.h5` to an `.onnx` that is proven to predict the same."""

import training.errors  # noqa: F401 - `training` says what Keras may read of the host, before Keras is imported
