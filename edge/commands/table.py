"""A table of texts that renders for a terminal, for Markdown and for HTML: the only table printer of all programs."""

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Hold a table of texts; every row has as many cells as the header."""

    title: str
    """"" for a table that its surroundings name."""
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]

    def as_text(self) -> str:
        """Return the table in columns of equal width, without its title."""
        lines = (self.header, *self.rows)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def as_markdown(self) -> str:
        """Return the table in GitHub's Markdown, without its title; a bar in a cell becomes a slash."""
        lines = (self.header, ["---"] * len(self.header), *self.rows)
        return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)

    def as_html(self) -> str:
        """Return an HTML `<table>` with a head and a body, every cell escaped, without its title."""
        head = "".join(f"<th scope=col>{html.escape(cell)}</th>" for cell in self.header)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
