"""Models: the networks, their heads and heatmaps, and the file that holds one with its contract."""
