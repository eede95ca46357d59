"""Reports: results as tables, charts, HTML and Markdown; nothing is computed here."""
