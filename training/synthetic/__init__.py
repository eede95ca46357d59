"""Synthetic ECG images: signals, the paper they are printed on, and their acquisition."""
