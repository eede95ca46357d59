"""ECG pages from signals: a recording, the page that a machine prints of it, and a capture of that page."""
