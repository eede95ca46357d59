"""Reports: results as tables, charts, HTML and Markdown."""
