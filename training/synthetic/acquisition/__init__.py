"""Acquisition: what a scanner, a phone or a screen makes of a printed page."""
