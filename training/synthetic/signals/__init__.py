"""Signals: parametric hearts and recorded ones, as twelve leads in millivolt."""
