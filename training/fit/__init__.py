"""Fit: from a data folder to a trained network, epoch by epoch."""
