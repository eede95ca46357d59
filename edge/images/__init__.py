"""From a file to the pixels that a model takes: formats, pages, preprocessing."""
