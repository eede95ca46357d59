"""The audit of a data folder: copies, leaks, shortcuts, page styles and labels."""
