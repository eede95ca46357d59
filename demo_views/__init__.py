"""The views of the demo: what demo.py shows in the browser."""
