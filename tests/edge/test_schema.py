"""The JSON Schema of a prediction holds for what `predict` really writes, and for nothing else."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from edge.contract import CONTRACT_KEY
from edge.prediction import Status
from tests.conftest import ROOT

SCHEMA = json.loads((ROOT / "docs" / "prediction.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def records(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Records of `predict --format jsonl`, by what they are: a process wrote each of them."""
    folder = tmp_path_factory.mktemp("records")
    page, bad, scans = folder / "page.png", folder / "bad.jpg", folder / "scans.tif"
    shutil.copy(golden / "page.png", page)
    bad.write_text("no picture")
    # The golden model takes bright images for those that it was trained on: a dark one is rejected.
    Image.new("RGB", (200, 100), (90, 90, 90)).save(folder / "dark.png")
    with Image.open(page) as image:
        image.save(scans, save_all=True, append_images=[image])
    adopted = {"adopted": {"framework": "Keras", "scale": "unit", "channels": "rgb"}}
    for name, changes in (
        ("doubtful", {"confidence_threshold": 1.0}),
        ("several", {"confidence_threshold": 0.1, "activation": "sigmoid"} | adopted),
        ("none", {"confidence_threshold": 1.0, "activation": "sigmoid"}),
        ("adopted", adopted),
    ):
        other = onnx.load(golden / "tiny.onnx")
        entry = next(entry for entry in other.metadata_props if entry.key == CONTRACT_KEY)
        entry.value = json.dumps(json.loads(entry.value) | changes)
        onnx.save(other, folder / f"{name}.onnx")

    def predicted(*words: object, model: Path, form: str = "jsonl") -> list[dict]:
        command = [sys.executable, "-m", "edge", "predict", *map(str, words), "--model", str(model), "--format", form]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60)
        assert result.returncode in (0, 1), result.stderr
        return json.loads(result.stdout) if form == "json" else list(map(json.loads, result.stdout.splitlines()))

    tiny = golden / "tiny.onnx"
    error, rejected, ok, first, second = predicted(folder, model=tiny)
    (shown,) = predicted(page, "--heatmaps", folder / "heatmaps", model=tiny)
    (uncertain,) = predicted(page, model=folder / "doubtful.onnx", form="json")
    found = {"ok": ok, "uncertain": uncertain, "rejected": rejected, "error": error}
    found |= {name: predicted(page, model=folder / f"{name}.onnx")[0] for name in ("several", "none", "adopted")}
    return found | {"page 1": first, "page 2": second, "heatmap": shown}


@pytest.fixture(scope="session")
def valid() -> Callable[[dict], bool]:
    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator(SCHEMA).is_valid


def test_the_schema_holds_for_records_of_every_status(records: dict, valid: Callable[[dict], bool]) -> None:
    assert [records[str(status)]["status"] for status in Status] == list(map(str, Status))
    assert [records[name].get("page") for name in ("ok", "page 1", "page 2")] == [None, 1, 2]
    assert Path(records["heatmap"]["heatmap"]).is_file()
    assert len(records["several"]["labels"]) > 1
    assert records["none"]["labels"] == []
    assert records["adopted"]["label"]
    assert [records[name]["in_distribution"] for name in ("several", "adopted")] == [None, None]
    assert [name for name, record in records.items() if not valid(record)] == []


@pytest.mark.parametrize("name", [*map(str, Status), "page 1", "heatmap", "several"])
def test_no_field_may_be_missing_unknown_or_of_another_kind(
    name: str, records: dict, valid: Callable[[dict], bool]
) -> None:
    record = records[name]
    assert not valid(record | {"colour": "red"})
    for field in record:
        assert not valid(record | {field: [["no", "such", "value"]]}), field
        less = {key: value for key, value in record.items() if key != field}
        assert valid(less) == (field in ("page", "heatmap")), (name, field)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ok", {"status": "perhaps"}),
        ("ok", {"status": "error"}),
        ("ok", {"status": "rejected"}),
        ("ok", {"label": None}),
        ("ok", {"probability": 1.5}),
        ("ok", {"labels": []}),
        ("several", {"label": "normal"}),
        ("several", {"labels": ["normal", "normal"]}),
        ("ok", {"probabilities": {"normal": 1.0}}),
        ("ok", {"in_distribution": -0.1}),
        ("ok", {"reason": "none"}),
        ("rejected", {"label": "normal"}),
        ("rejected", {"probability": 0.5}),
        ("rejected", {"heatmap": "page.jpg"}),
        ("error", {"error": ""}),
        ("error", {"label": None}),
        ("page 1", {"page": 0}),
        ("page 1", {"page": 1.5}),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    name: str, changes: dict, records: dict, valid: Callable[[dict], bool]
) -> None:
    assert not valid(records[name] | changes)


def test_every_field_has_a_description_and_no_form_takes_others() -> None:
    definitions = SCHEMA["$defs"]
    for form in ("answered", "rejected", "failed"):
        assert definitions[form]["additionalProperties"] is False
        for name, field in definitions[form]["properties"].items():
            described = definitions[field["$ref"].rpartition("/")[2]] if "$ref" in field else field
            assert described["description"], name
