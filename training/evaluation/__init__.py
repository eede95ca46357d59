"""Evaluation: what a model's predictions and a data folder are worth, as typed results."""
