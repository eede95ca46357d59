"""Inspection: what an image shows besides its class: its trace alone, where it lies, near copies, the print."""
