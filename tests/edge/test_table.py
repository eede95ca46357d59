"""One table, three forms: each holds the same cells in the same order."""

import html
import re

from edge.commands.table import Table

TABLE = Table("Of <two>", ("class", "images", "note"), [["ST-Hebung <übrig>", "12", ""], ["a|b & c", "3", "few: 3"]])
CELLS = [list(TABLE.header), *(list(row) for row in TABLE.rows)]


def test_text_has_the_cells_in_columns_of_equal_width() -> None:
    lines = TABLE.as_text().splitlines()
    starts = [lines[0].index(name) for name in TABLE.header]
    ends = [*starts[1:], None]
    assert [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines] == CELLS
    assert not any(line != line.rstrip() for line in lines)


def test_markdown_has_the_cells_between_bars() -> None:
    head, rule, *rows = TABLE.as_markdown().splitlines()
    assert rule == "| --- | --- | --- |"
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *rows)]
    assert found == [[cell.replace("|", "/") for cell in row] for row in CELLS]


def test_html_has_the_cells_escaped() -> None:
    text = TABLE.as_html()
    assert "<übrig>" not in text
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    assert [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows] == CELLS
    assert text.count("<th scope=col>") == 3
