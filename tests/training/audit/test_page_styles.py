"""Page styles: a print on which a class is missing is named, by the manifest and by the images; chance is not."""

from pathlib import Path

import numpy as np

from training.audit.page_styles import page_styles
from training.data.loaded_images import EcgImage
from training.inspection.inspected_image import InspectedImage
from training.inspection.page_look import PageLook


def images(*kinds: tuple[int, str, str, bool]) -> list[InspectedImage]:
    """So many images of a label, a page style of the manifest, with a grid or without."""
    return [
        InspectedImage(
            image=EcgImage(path=Path("page.png"), label=label, page_style=style),
            content="", digest="", size=(800, 600), fingerprint=np.zeros(1), grey=np.zeros(1), trace_span=(0, 1),
            angle=0, look=PageLook(grid=0.02 * grid, rows=4),
        )
        for number, label, style, grid in kinds
        for _ in range(number)
    ]  # fmt: skip


def test_a_style_without_a_class_is_named_by_the_manifest_and_by_the_images() -> None:
    found = page_styles(images((60, "normal", "A", True), (40, "sick", "A", True), (30, "sick", "B", False)))
    assert [(style.name, style.stated, style.counts, style.missing) for style in found] == [
        ("A", True, {"normal": 60, "sick": 40}, ()),
        ("B", True, {"normal": 0, "sick": 30}, ("normal",)),
        ("grid, 4 rows of traces", False, {"normal": 60, "sick": 40}, ()),
        ("no grid, 4 rows of traces", False, {"normal": 0, "sick": 30}, ("normal",)),
    ]
    assert found[1].warning == "page style B: of 30 images none normal, though others are: it tells the class"
    assert found[3].warning.startswith("pages with no grid, 4 rows of traces: of 30 images none normal")


def test_a_few_images_of_a_class_do_not_hide_that_it_is_missing() -> None:
    found = page_styles(images((100, "normal", "A", True), (100, "sick", "A", True), (60, "sick", "B", True),
                               (1, "normal", "B", True)))  # fmt: skip
    assert [style.missing for style in found] == [(), ("normal",), ()]
    assert "1 normal" in found[1].warning


def test_what_chance_leaves_out_is_not_missing() -> None:
    """Seven images of a class in ten would be expected among ten."""
    assert not any(
        style.missing
        for style in page_styles(images((70, "normal", "A", True), (30, "sick", "A", True), (10, "sick", "B", True)))
    )
    one_style = page_styles(images((50, "normal", "", True), (2, "sick", "", True)))
    assert [(style.name, style.missing) for style in one_style] == [("grid, 4 rows of traces", ())]
