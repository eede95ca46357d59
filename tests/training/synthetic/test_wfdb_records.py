"""The reader of real recordings: what a record holds, and which are refused."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.synthetic.wfdb import HEART, at_rate, refusal, write
from training.errors import DataError
from training.synthetic.signals.recording import LEADS, RATE
from training.synthetic.signals.wfdb_records import INDEPENDENT, Record, read_record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Record(path=write(tmp_path).path, label="normal", group="7", sex="female", age="61")
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
    assert "no such record" in refusal(lambda: read_record(Record(path=tmp_path / "two.hea", label="normal")))
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
