"""Training: data folders, synthetic ECG images, models, training runs, evaluation and reports."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # read by Keras when it is first imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notices are not for the person at the terminal
