"""The list of real recordings: PTB-XL's form, folders of WFDB, and what the codes mean."""

import csv
from pathlib import Path

import pytest

from tests.training.synthetic.wfdb import refusal, write
from training.synthetic.signals.scp_codes import ANY_INFARCTION, CONDUCTION, INFARCTION, RHYTHM, classify
from training.synthetic.signals.wfdb_records import COLUMNS, Record, list_records, read_record


def database(folder: Path, *rows: dict[str, object], columns: tuple[str, ...] = COLUMNS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ptbxl_database.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_the_database_is_listed_by_path_with_what_it_says(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path / "records500", name=name)
    old = "{'IMI': 100.0, 'SR': 0.0}"
    folder = database(
        tmp_path,
        {"ecg_id": 1, "patient_id": "9.0", "age": "61.0", "sex": 1, "scp_codes": "{'NORM': 100.0}"}
        | {"filename_hr": "records500/b", "filename_lr": "records100/b", "report": "sinus, normal"},
        {"ecg_id": 2, "patient_id": 4, "sex": 0, "scp_codes": old, "infarction_stadium1": "Stadium III"}
        | {"filename_hr": "records500/a"},
        {"ecg_id": 3, "scp_codes": "{'LVH': 100.0}", "filename_hr": "records500/c"},
        columns=(*COLUMNS, "filename_lr", "report"),
    )
    first, second = list_records(folder)
    records = tmp_path / "records500"
    assert first == Record(path=records / "a.hea", label="history_of_mi", group="4", sex="male", age="")
    assert second == Record(path=records / "b.hea", label="normal", group="9", sex="female", age="61")
    assert read_record(second).leads.shape == (12, 5000)


def test_infarctions_of_unknown_stage_are_listed_where_sets_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "records500", name="a")
    write(tmp_path / "records500", name="b")
    unknown = {"ecg_id": 1, "scp_codes": "{'IMI': 100.0}", "filename_hr": "records500/a"}
    normal = {"ecg_id": 2, "scp_codes": "{'NORM': 100.0}", "filename_hr": "records500/b"}
    folder = database(tmp_path, unknown, normal)
    assert [found.label for found in list_records(folder)] == ["normal"]
    assert [found.label for found in list_records(folder, label_sets=True)] == [ANY_INFARCTION, "normal"]


def test_folders_of_classes_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "normal" / "deep", name="z")
    write(tmp_path / "normal", name="a")
    write(tmp_path / "history_of_mi", name="m")
    write(tmp_path / "unknown", name="x")
    names = [(record_.path.name, record_.label) for record_ in list_records(tmp_path)]
    assert names == [("m.hea", "history_of_mi"), ("a.hea", "normal"), ("z.hea", "normal")]


def test_unusable_folders_and_databases_are_refused_in_one_line(tmp_path: Path) -> None:
    assert "no such folder" in refusal(lambda: list_records(tmp_path / "absent"))
    assert "no record of a known class" in refusal(lambda: list_records(tmp_path))
    row = {"ecg_id": 1, "scp_codes": "{'NORM': 100.0}", "filename_hr": "records500/1_hr"}
    for number, (folder, what) in enumerate(
        [
            (database(tmp_path / "gone", row), "1_hr.hea: no such record, named in ptbxl_database.csv, row 2"),
            (database(tmp_path / "unnamed", row | {"filename_hr": ""}), "no such record"),
            (database(tmp_path / "codes", row | {"scp_codes": "{'NORM': "}), "row 2: scp_codes"),
            (database(tmp_path / "call", row | {"scp_codes": "__import__('os')"}), "row 2: scp_codes"),
            (database(tmp_path / "list", row | {"scp_codes": "['NORM']"}), "row 2: scp_codes"),
            (database(tmp_path / "words", row | {"scp_codes": "{'NORM': 'sure'}"}), "row 2: scp_codes"),
            (database(tmp_path / "empty"), "or no row"),
            (database(tmp_path / "columns", row, columns=("ecg_id", "filename_hr")), "no column patient_id, age, sex"),
            (database(tmp_path / "none", row | {"scp_codes": "{'LVH': 100.0}"}), "no record of a known class"),
        ]
    ):
        assert what in refusal(lambda folder=folder: list_records(folder)), number
    for number, content in enumerate((b"\xff\xfe\x00binary", b'ecg_id,age\n"1,2\n', b"")):
        folder = tmp_path / f"bytes {number}"
        folder.mkdir()
        (folder / "ptbxl_database.csv").write_bytes(content)
        assert "download it again" in refusal(lambda folder=folder: list_records(folder))


@pytest.mark.parametrize(
    ("codes", "stage", "label"),
    [
        ({"NORM": 100.0, "SR": 0.0}, "", "normal"),
        ({"NORM": 80.0, "SARRH": 0.0}, "", "normal"),
        ({"NORM": 50.0, "SR": 0.0}, "", None),
        ({"NORM": 100.0, "IRBBB": 100.0}, "", None),
        ({"SR": 0.0}, "", None),
        ({"NORM": 100.0, "STACH": 0.0}, "", "abnormal_heartbeat"),
        ({"AFIB": 0.0, "LVH": 100.0}, "", "abnormal_heartbeat"),
        ({"ASMI": 100.0, "SR": 0.0}, "Stadium I", "myocardial_infarction"),
        ({"IMI": 50.0}, "Stadium I-II", "myocardial_infarction"),
        ({"IMI": 80.0}, "Stadium II", "myocardial_infarction"),
        ({"IMI": 35.0}, "Stadium I", None),
        ({"IMI": 15.0, "AMI": 100.0}, "Stadium III", "history_of_mi"),
        ({"AMI": 100.0, "AFIB": 0.0}, "Stadium II-III", "history_of_mi"),
        ({"AMI": 100.0}, "unknown", ANY_INFARCTION),
        ({"AMI": 100.0}, "", ANY_INFARCTION),
        ({"AMI": 15.0, "AFIB": 0.0}, "", None),
        ({}, "Stadium I", None),
    ],
)
def test_what_the_codes_mean(codes: dict[str, float], stage: str, label: str | None) -> None:
    assert classify(codes, stage) == label


def test_every_rhythm_and_conduction_is_abnormal_and_every_infarction_counts() -> None:
    assert {classify({code: 0.0, "NORM": 100.0}, "") for code in RHYTHM | CONDUCTION} == {"abnormal_heartbeat"}
    assert {classify({code: 100.0}, "Stadium I") for code in INFARCTION} == {"myocardial_infarction"}
    assert not INFARCTION & (RHYTHM | CONDUCTION)
