"""Paper: how a machine prints a recording."""
