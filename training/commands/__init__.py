"""The commands, one file each: their arguments, the call, and what is printed."""
