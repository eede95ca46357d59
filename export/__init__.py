"""The gate: from a trained `.h5` to an `.onnx` that is proven to give the same answer."""
