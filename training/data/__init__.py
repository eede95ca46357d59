"""Data: what a data folder holds, how it is split, and what a model learns from."""
