"""The web folder: a page of static files that runs a model in the browser."""
