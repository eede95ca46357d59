"""The reader of real recordings: PTB-XL's form, folders of WFDB, what is refused, and what the codes mean."""

import csv
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import DataError
from training.synthetic.signals.ecg import Heart, record
from training.synthetic.signals.recording import LEADS, RATE, SECONDS
from training.synthetic.signals.scp_codes import CONDUCTION, INFARCTION, RHYTHM, classify
from training.synthetic.signals.wfdb_records import COLUMNS, INDEPENDENT, Record, list_records, read_record

HEART = record(Heart("normal", qrs=0.1), np.random.default_rng(1)).leads  # (12, 5000), without noise
TIME = np.arange(HEART.shape[1]) / RATE


def at_rate(rate: float, seconds: float = SECONDS) -> np.ndarray:
    """Twelve smooth leads that hold nothing over 11 Hz, (12, n), the same curve at any rate."""
    time = np.arange(round(seconds * rate)) / rate
    sizes = np.linspace(0.2, 1.5, 12)[:, np.newaxis]
    return sizes * (np.sin(2 * np.pi * 1.3 * time) + 0.4 * np.cos(2 * np.pi * 11 * time + sizes))


def write(
    folder: Path,
    signal: np.ndarray = HEART,
    rate: float = RATE,
    names: tuple[str, ...] = LEADS,
    unit: str = "mV",
    name: str = "one",
    form: str = "24",
) -> Record:
    import wfdb

    folder.mkdir(parents=True, exist_ok=True)
    count = len(names)
    wfdb.wrsamp(name, rate, [unit] * count, list(names), signal.T, fmt=[form] * count, write_dir=str(folder))
    return Record(folder / f"{name}.hea", "normal", None, "", "")


def refusal(call: Callable[[], object]) -> str:
    """What a person reads: one line that names a file and says what to do."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert message.count(": ") >= 2
    return message


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Record(write(tmp_path).path, "normal", "7", "female", "61")
    recording = read_record(written)
    np.testing.assert_allclose(recording.leads, HEART, atol=1e-5)
    assert recording.altered.shape == recording.leads.shape
    assert not recording.altered.any()
    wanted = {"label": "normal", "record": "one", "group": "7", "sex": "female", "age": "61"}
    assert recording.parameters == wanted


def test_leads_are_found_by_name_in_any_case_and_order(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(12)
    names = tuple(LEADS[place].upper() if place % 2 else LEADS[place].lower() for place in order)
    recording = read_record(write(tmp_path, HEART[order], names=names))
    np.testing.assert_allclose(recording.leads, HEART, atol=1e-5)


def test_the_limb_leads_are_derived_from_the_independent_ones(tmp_path: Path) -> None:
    rows = [LEADS.index(lead) for lead in INDEPENDENT]
    recording = read_record(write(tmp_path, HEART[rows], names=INDEPENDENT))
    np.testing.assert_allclose(recording.leads, HEART, atol=1e-5)


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1000.0), ("V", 0.001), ("MV", 1.0)])
def test_units_are_brought_to_millivolt(tmp_path: Path, unit: str, factor: float) -> None:
    recording = read_record(write(tmp_path, HEART * factor, unit=unit))
    np.testing.assert_allclose(recording.leads, HEART, atol=1e-4)


@pytest.mark.parametrize("rate", [100, 250, 257.3, 500, 1000, 1999, 10_000])
def test_a_record_of_any_rate_is_the_one_of_500_hz(tmp_path: Path, rate: float) -> None:
    recording = read_record(write(tmp_path, at_rate(rate) + 3.0, rate))  # electrodes have an offset
    assert recording.leads.shape == (12, 5000)
    difference = np.abs(recording.leads - (at_rate(RATE) + 3.0))
    assert difference[:, 250:-250].max() < 0.01  # millivolt
    assert difference.max() < 0.25  # the filter has nothing to stand on at the ends


@settings(max_examples=20, deadline=None)
@given(st.integers(100, 2500))
def test_every_rate_gives_ten_seconds(tmp_path_factory: pytest.TempPathFactory, rate: int) -> None:
    recording = read_record(write(tmp_path_factory.mktemp("rate"), at_rate(rate), rate))
    assert recording.leads.shape == (12, 5000)
    assert np.abs(recording.leads - at_rate(RATE))[:, 250:-250].max() < 0.01


def test_the_first_ten_seconds_of_a_longer_record_are_read(tmp_path: Path) -> None:
    recording = read_record(write(tmp_path, at_rate(RATE, 13.5)))
    np.testing.assert_allclose(recording.leads, at_rate(RATE), atol=1e-5)


def test_unfit_signals_are_refused_in_one_line(tmp_path: Path) -> None:
    gap = HEART.copy()
    gap[3, 100:200] = np.nan
    for number, (record_, what) in enumerate(
        [
            (write(tmp_path, gap, name="gap"), "NaN"),
            (write(tmp_path, np.zeros_like(HEART), name="flat"), "every lead is flat"),
            (write(tmp_path, HEART[:, :4999], name="short"), "long: give a record of 10 s or more"),
            (write(tmp_path, at_rate(99), 99, name="coarse"), "99 Hz, too coarse"),
            (write(tmp_path, HEART[[0, 1, *range(6, 11)]], names=INDEPENDENT[:-1], name="few"), "no lead V6"),
            (write(tmp_path, HEART, unit="mmHg", name="unit"), "unit mmHg"),
            (write(tmp_path, HEART, names=tuple("zabcdefghjkl"), name="named"), "no lead I, II, V1"),
        ]
    ):
        message = refusal(lambda record_=record_: read_record(record_))
        assert what in message, number
        assert str(record_.path) in message


def test_missing_and_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    written = write(tmp_path)
    header, samples = written.path.read_bytes(), written.path.with_suffix(".dat").read_bytes()

    def damaged(head: bytes, body: bytes | None) -> str:
        written.path.write_bytes(head)
        written.path.with_suffix(".dat").unlink(missing_ok=True)
        if body is not None:
            written.path.with_suffix(".dat").write_bytes(body)
        return refusal(lambda: read_record(written))

    assert "one.dat is missing" in damaged(header, None)
    assert "no such record" in refusal(lambda: read_record(Record(tmp_path / "two.hea", "normal", None, "", "")))
    for head, body in ((b"", samples), (b"\x00\xff" * 50, samples), (header[:40], samples), (header, samples[:1000])):
        assert "not a sound WFDB record" in damaged(head, body)
    assert "not a sound WFDB record" in damaged(header.replace(b" 24 ", b" 9999 "), samples)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_of_a_header_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    written = write(folder)
    header = bytearray(written.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(header) - 1))
        header[place : place + 1] = data.draw(
            st.sampled_from([b"", b"9", b"0", b"/", b" ", b"\n", b"-", b"x", b"\xff"])
        )
    written.path.write_bytes(bytes(header))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, for gains that overflow
        try:
            assert read_record(written).leads.shape == (12, 5000)
        except DataError as error:
            assert "\n" not in str(error)
    shutil.rmtree(folder)


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
    assert first == Record(tmp_path / "records500" / "a.hea", "history_of_mi", "4", "male", "")
    assert second == Record(tmp_path / "records500" / "b.hea", "normal", "9", "female", "61")
    assert read_record(second).leads.shape == (12, 5000)


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
        ({"AMI": 100.0}, "unknown", None),
        ({"AMI": 100.0}, "", None),
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
