"""From a trained `.h5` to an `.onnx` that is proven to predict the same."""
