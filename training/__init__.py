"""Training: data folders, synthetic ECG images, models, training runs, evaluation and reports."""

import os
from pathlib import Path

# Keras reads these when it is first imported. Nobody's settings, and no keras.json of theirs, change what is trained.
for _name in [name for name in os.environ if name.startswith("KERAS_")]:
    del os.environ[_name]
os.environ["KERAS_HOME"] = str(Path(__file__).parent / "keras")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notices are not for the person at the terminal
