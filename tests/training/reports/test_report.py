"""Every report: it is one file, its contents lead somewhere, it is small, and it says what its typed result says."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.audit.audit import Audit, audit
from training.data.folder import DataFolder
from training.evaluation.baselines import BASELINES, MAJORITY_CLASS, PIXELS
from training.evaluation.evaluate import evaluate
from training.evaluation.intervals import Estimate
from training.evaluation.prediction_metrics import BaselineMetrics, PredictionMetrics
from training.evaluation.result import SCHEMA, Evaluation, as_record
from training.reports import audit as audit_report
from training.reports import data_folder
from training.reports import evaluation as evaluation_report
from training.reports.audit import write_audit
from training.reports.data_folder import overview, write_overview
from training.reports.evaluation import described_models, write_evaluation
from training.reports.predictions import class_notes
from training.reports.report import Report

LARGEST = 3_000_000  # bytes of a report
ALONE = {"meta", "img", "br", "hr"}  # elements without an end


class Page(HTMLParser):
    """What a browser finds in a report."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.text = file.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.outside: list[str] = []  # tables that do not scroll by themselves
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list) -> None:
        found = dict(attributes)
        self.tags.append((tag, found))
        if tag == "table" and self.open[-1] != "div.table":
            self.outside.append(tag)
        if tag not in ALONE:
            self.open.append(f"{tag}.{found['class']}" if "class" in found else tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().split(".")[0] == tag

    def of(self, tag: str) -> list[dict[str, str]]:
        return [found for name, found in self.tags if name == tag]


@pytest.fixture(scope="module")
def data(three_classes: Path) -> DataFolder:
    return DataFolder.read(three_classes)


@pytest.fixture(scope="module")
def evaluation(h5: Path, onnx_file: Path, data: DataFolder) -> Evaluation:
    return evaluate([h5, onnx_file], data, command="here")


@pytest.fixture(scope="module")
def audited(data: DataFolder) -> Audit:
    return audit(data, seed=0)


@pytest.fixture(scope="module")
def folders(
    evaluation: Evaluation, audited: Audit, data: DataFolder, run: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The folder of each report."""
    out = tmp_path_factory.mktemp("reports")
    write_evaluation(evaluation, out / "evaluation")
    write_audit(audited, out / "audit")
    write_overview(overview(data, seed=0), out / "explore")
    return {name: out / name for name in ("evaluation", "audit", "explore")} | {"train": run}


@pytest.mark.parametrize("name", ["evaluation", "audit", "explore", "train"])
def test_a_report_is_one_small_file_that_a_browser_reads(folders: dict[str, Path], name: str) -> None:
    file = folders[name] / "report.html"
    assert file.stat().st_size < LARGEST
    page = Page(file)
    assert page.open == []  # every element that begins ends
    assert page.outside == []
    assert page.of("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.of("meta")
    sections = [found["id"] for found in page.of("details") if found["class"] == "section"]
    links = [found["href"] for found in page.of("a")]
    assert len(set(sections)) == len(sections) > 0
    assert links == [f"#{section}" for section in sections] * 2  # beside the text, and above it on a phone
    (contents,) = (found for found in page.of("details") if found["class"] == "above")
    assert "open" not in contents
    for picture in page.of("img"):
        assert picture["src"].startswith("data:image/")
        assert picture["loading"] == "lazy"
        assert len(picture["alt"]) > 20  # more than its name
    assert not page.of("script")
    assert not page.of("link")
    assert not re.search(r"https?:|url\(|@import", page.text)
    assert "not a medical device" in page.text
    summary = page.text.partition("<div class=summary>")[2].partition("</div>")[0]
    assert summary.startswith("<p class=verdict>")
    assert summary.count("class=warning") <= 3
    assert json.loads((folders[name] / "report.json").read_text(encoding="utf-8"))["schema"] == SCHEMA


def test_report_json_is_the_result(folders: dict[str, Path], evaluation: Evaluation, audited: Audit) -> None:
    for name, result in (("evaluation", evaluation), ("audit", audited)):
        assert json.loads((folders[name] / "report.json").read_text(encoding="utf-8")) == as_record(result)


def with_metrics(evaluation: Evaluation, **changed: object) -> Evaluation:
    """Change metrics of the first model."""
    first, *others = evaluation.models
    return replace(evaluation, models=(replace(first, metrics=replace(first.metrics, **changed)), *others))


def with_macro_f1(evaluation: Evaluation, value: float, low: float | None, high: float | None) -> Evaluation:
    overall = replace(evaluation.models[0].metrics.overall, macro_f1=Estimate(value, low, high))
    return with_metrics(evaluation, overall=overall)


def with_baselines(evaluation: Evaluation, **values: float) -> Evaluation:
    """Give each baseline a macro-F1 with an interval of 0.1 to both sides."""
    found = {
        name: BaselineMetrics(macro_f1=Estimate(value, value - 0.1, value + 0.1), accuracy=Estimate(value, None, None))
        for name, value in values.items()
    }
    return replace(evaluation, baselines=found)


def test_tables_card_and_json_say_what_the_result_says(evaluation: Evaluation, tmp_path: Path) -> None:
    label = evaluation.models[0].metrics.labels[1]
    classes = evaluation.models[0].metrics.classes
    one = replace(classes[label], sensitivity=Estimate(0.123, 0.045, 0.678))
    changed = with_metrics(with_macro_f1(evaluation, 0.4321, 0.3321, 0.5321), classes=classes | {label: one})
    write_evaluation(changed, tmp_path)
    numbers = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["models"][0]["metrics"]
    assert numbers["overall"]["macro_f1"]["value"] == 0.4321
    assert numbers["classes"][label]["sensitivity"]["low"] == 0.045
    html = (tmp_path / "report.html").read_text(encoding="utf-8").replace("&nbsp;", " ")
    for text in (html, (tmp_path / "model_card.md").read_text(encoding="utf-8")):
        assert "0.12 (0.04 to 0.68)" in text
        assert "0.432 (95 %: 0.332 to 0.532)" in text
        assert "0.43 (0.33 to 0.53)" in text  # beside the baselines


def test_an_export_is_compared_and_has_no_section_of_its_own(evaluation: Evaluation, folders: dict[str, Path]) -> None:
    kept, exported = evaluation.models
    assert described_models(evaluation) == {1: kept}
    int8 = replace(exported, facts=replace(exported.facts, contract=replace(exported.facts.contract, precision="int8")))
    other = replace(kept, facts=replace(kept.facts, contract=replace(kept.facts.contract, temperature=7.0)))
    assert list(described_models(replace(evaluation, models=(kept, int8, other)))) == [1, 3]
    html = (folders["evaluation"] / "report.html").read_text(encoding="utf-8")
    assert f"<td>the model: {exported.path}</td>" in html
    assert f"Model 2: {exported.path}" not in html


@pytest.mark.parametrize(
    ("low", "high", "pixels", "said"),
    [
        (0.72, 0.9, 0.5, "better than every baseline (linear model on pixels: 0.50)"),
        (0.55, 0.9, 0.5, "above every baseline, but not shown to be better: the intervals overlap"),
        (None, None, 0.5, "above every baseline, but not shown to be better"),
        (0.72, 0.9, 0.85, "no better than a baseline (linear model on pixels: 0.85)"),
    ],
)
def test_the_verdict_compares_with_the_strongest_baseline(
    evaluation: Evaluation, low: float | None, high: float | None, pixels: float, said: str
) -> None:
    changed = with_baselines(with_macro_f1(evaluation, 0.8, low, high), **{MAJORITY_CLASS: 0.2, PIXELS: pixels})
    assert said in evaluation_report.verdict(changed)


def test_the_verdict_says_what_takes_it_away(evaluation: Evaluation) -> None:
    images = evaluation.models[0].metrics.images
    plain = with_macro_f1(evaluation, 0.8, 0.7, 0.9)
    verdict = evaluation_report.verdict
    assert "trained on all of these images" in verdict(with_metrics(plain, seen_in_training=images))
    assert "The model has seen 1 of these 6 images" in verdict(with_metrics(plain, seen_in_training=1))
    synthetic = replace(plain, provenance=replace(plain.provenance, synthetic=True))
    assert "on synthetic ECG images, which says nothing about real ones" in verdict(synthetic)
    assert "no baseline to compare it with" in verdict(replace(plain, baselines={}))


def test_the_gravest_warnings_come_first(evaluation: Evaluation, tmp_path: Path) -> None:
    changed = with_metrics(with_macro_f1(evaluation, 0.4, 0.3, 0.5), seen_in_training=2, synthetic=True)
    changed = with_baselines(changed, **{PIXELS: 0.6})
    changed = replace(changed, provenance=replace(changed.provenance, synthetic=True, unreadable=("a.jpg: broken",)))
    beware = evaluation_report.beware(changed)
    words = ("has seen 2", "synthetic ECG images", "1 unreadable", PIXELS, "Fewer than 10 images")
    assert [word in line for word, line in zip(words, beware, strict=True)] == [True] * len(words)
    write_evaluation(changed, tmp_path)
    summary = (tmp_path / "report.html").read_text(encoding="utf-8").partition("<div class=summary>")[2]
    assert [word in summary.partition("</div>")[0] for word in words] == [True, True, True, False, False]


def test_verdicts_of_a_folder(audited: Audit, data: DataFolder) -> None:
    assert not audited.leaks
    shortcut = {name: BaselineMetrics(macro_f1=Estimate(0.9, 0.8, 1.0), accuracy=NOTHING) for name in BASELINES}
    clean = replace(audited, baselines={})
    assert audit_report.verdict(clean) == "No leak and no shortcut was found."
    assert "a shortcut" in audit_report.verdict(replace(audited, baselines={"as it stands": shortcut}))
    found = overview(data, seed=0)
    assert data_folder.verdict(found) == "Ready for training."
    lacking = replace(found, missing=("one class only",), unreadable=("a.jpg: broken",), synthetic=True)
    assert data_folder.verdict(lacking) == "Training would miss something."
    assert ["one class" in data_folder.beware(lacking)[0], "1 images" in data_folder.beware(lacking)[2]] == [True, True]


NOTHING = Estimate(None, None, None, "not asked")


def test_a_note_stands_once_with_its_places(evaluation: Evaluation) -> None:
    metrics: PredictionMetrics = evaluation.models[0].metrics
    noted = Estimate(0.5, 0.4, 0.6, "3 groups only")
    first, second, third = metrics.labels
    classes = {
        first: replace(metrics.classes[first], f1=noted, auroc=noted),
        second: replace(metrics.classes[second], f1=noted),
        third: metrics.classes[third],
    }
    notes = [line for line in class_notes(replace(metrics, classes=classes)) if line.startswith("3 groups only")]
    assert len(notes) == 1
    assert f"{first} (F1, AUROC); {second} (F1" in notes[0]


def test_headers_are_masked_unless_asked_for(evaluation: Evaluation, folders: dict[str, Path], tmp_path: Path) -> None:
    write_evaluation(evaluation, tmp_path, show_header=True)
    with (
        Image.open(tmp_path / "model-1-random.jpg") as shown,
        Image.open(folders["evaluation"] / "model-1-random.jpg") as masked,
    ):
        assert shown.size == masked.size
        difference = np.abs(np.asarray(shown, int) - np.asarray(masked, int)).max(axis=(1, 2))
    assert (difference > 40).any()  # the headers
    assert (difference < 40).any()  # the traces


def test_texts_are_escaped(tmp_path: Path) -> None:
    report = Report("<b>", "explore")
    report.summary("<i>", {"<u>": "<s>"}, ["<em>"])
    report.section("<h1>")
    report.text("<script>alert(1)</script>")
    report.write(tmp_path, {"schema": 1})
    page = Page(tmp_path / "report.html")
    assert not {tag for tag, _ in page.tags} & {"b", "i", "u", "s", "em", "script"}
    assert len(page.of("h1")) == 1
