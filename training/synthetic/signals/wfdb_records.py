"""The reader of real recordings: the records of a folder with their classes, and the signal of one of them."""

import ast
import csv
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from training.errors import DataError
from training.synthetic.signals.hearts import CLASSES
from training.synthetic.signals.recording import LEADS, RATE, SECONDS, Recording, twelve
from training.synthetic.signals.scp_codes import classify

DATABASE = "ptbxl_database.csv"
COLUMNS = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "infarction_stadium1", "filename_hr")
SEXES = {"0": "male", "1": "female"}
INDEPENDENT = ("I", "II", *LEADS[6:])
MILLIVOLTS = {"v": 1000.0, "mv": 1.0, "uv": 0.001, "µv": 0.001, "μv": 0.001}  # both letters that look like mu
# Hz. A signal of a lower rate holds nothing above 50 Hz, and the QRS reaches beyond (AHA/ACC/HRS, part I:
# Kligfield et al., Circulation 2007;115:1306 ask for 150 Hz; 100 is the lower rate of PTB-XL).
LOWEST_RATE = 100


@dataclass(frozen=True, kw_only=True)
class Record:
    """Name one record."""

    path: Path
    """Its header (.hea)."""
    label: str
    """One of `CLASSES`, or `ANY_INFARCTION`."""
    group: str | None = None
    """The patient; None if not known."""
    sex: str = ""
    """"male", "female" or ""."""
    age: str = ""
    """Years, as it is written; "" if not known."""


def list_records(folder: Path, label_sets: bool = False) -> list[Record]:
    """Return the records of a folder, sorted by path.

    PTB-XL's published form where `ptbxl_database.csv` is there: records whose codes fit no class are left
    out (`training.synthetic.signals.scp_codes`), and without `label_sets` those that fit a set of classes.
    Else WFDB headers in folders named as the classes. Raises `DataError`.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder: give one of PTB-XL or of WFDB records")
    database = folder / DATABASE
    records = _read_database(database) if database.is_file() else _find_headers(folder)
    records = [record for record in records if label_sets or record.label in CLASSES]
    if not records:
        wanted = f"{DATABASE} or {{{','.join(CLASSES)}}}/**/*.hea"
        raise DataError(f"{folder}: no record of a known class: give a folder with {wanted}")
    return sorted(records, key=lambda record: record.path)


def read_record(record: Record) -> Recording:
    """Read the first 10 s of a record, in millivolt at 500 Hz; nothing is known of what a disease altered.

    Leads are found by name in any case and order; III and the augmented leads are derived where they are
    missing. Raises `DataError` where the record is damaged, too short, too coarse or not an ECG of 12 leads.
    """
    path = record.path
    signal, rate, names, units = _read_wfdb(path)
    if rate < LOWEST_RATE:
        raise DataError(f"{path}: {rate:g} Hz, too coarse for a QRS: give a record of {LOWEST_RATE} Hz or more")
    samples = math.ceil(SECONDS * rate - 1e-6)  # float errors of the rate are no sample
    if len(signal) < samples:
        raise DataError(f"{path}: {len(signal) / rate:.3g} s long: give a record of {SECONDS:g} s or more")
    leads = _order_leads(signal[:samples].T, names, units, path)
    if not np.isfinite(leads).all():
        raise DataError(f"{path}: samples are missing (NaN) in the first {SECONDS:g} s: give a record without gaps")
    if (np.ptp(leads, axis=1) == 0).all():
        raise DataError(f"{path}: every lead is flat: give a record with a signal")
    leads = _resample(leads, rate)
    parameters = {"label": record.label, "record": path.stem, "group": record.group}
    return Recording(leads, np.zeros(leads.shape, dtype=bool), parameters | {"sex": record.sex, "age": record.age})


def _read_database(database: Path) -> list[Record]:
    try:
        with database.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{database}: cannot be read ({error}): download it again") from error
    missing = [column for column in COLUMNS if column not in (rows[0] if rows else ())]
    if missing:
        raise DataError(f"{database}: no column {', '.join(missing)}, or no row: download it again")
    records = [_read_row(database, number, row) for number, row in enumerate(rows, start=2)]
    return [record for record in records if record]


def _read_row(database: Path, number: int, row: dict[str, str | None]) -> Record | None:
    """Return the record of a row, or None where its codes fit no class."""
    try:
        codes = {str(code): float(likelihood) for code, likelihood in ast.literal_eval(row["scp_codes"] or "").items()}
    except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError) as error:
        raise DataError(
            f"{database}: row {number}: scp_codes is not a dict of codes and likelihoods: correct it"
        ) from error
    label = classify(codes, row["infarction_stadium1"] or "")
    if not label:
        return None
    path = database.parent / f"{row['filename_hr'] or '(no filename_hr)'}.hea"
    if not path.is_file():
        raise DataError(f"{path}: no such record, named in {database.name}, row {number}: download it or drop the row")
    sex = SEXES.get((row["sex"] or "").removesuffix(".0"), "")
    patient, age = ((row[column] or "").removesuffix(".0") for column in ("patient_id", "age"))
    return Record(path=path, label=label, group=patient or None, sex=sex, age=age)


def _find_headers(folder: Path) -> list[Record]:
    return [Record(path=path, label=label) for label in CLASSES for path in (folder / label).rglob("*.hea")]


def _read_wfdb(path: Path) -> tuple[np.ndarray, float, list[str], list[str]]:
    """Return the signal (samples, leads) in its own units, the rate in Hz, and names and units of the leads."""
    import wfdb

    if not path.is_file():
        raise DataError(f"{path}: no such record: check the path")
    try:
        read = wfdb.rdrecord(str(path.with_suffix("")))
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: its signal file {Path(error.filename or '').name} is missing: copy it there"
        ) from error
    # What wfdb 4.3 raises for headers and signals that are cut off, empty, binary or contradict each other.
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
        what = " ".join(str(error).split())[:80]
        raise DataError(f"{path}: not a sound WFDB record ({what}): copy or download it again") from error
    if read.p_signal is None or not read.sig_name or not read.fs:
        raise DataError(f"{path}: holds no signal: copy or download it again")
    return read.p_signal, float(read.fs), read.sig_name, read.units


def _order_leads(signal: np.ndarray, names: list[str], units: list[str], path: Path) -> np.ndarray:
    """Return the leads in the order of `LEADS`, float (12, n), in millivolt."""
    places = {(name or "").strip().lower(): place for place, name in enumerate(names)}
    missing = [lead for lead in LEADS if lead.lower() not in places]
    wanted = INDEPENDENT if missing else LEADS
    needed = [lead for lead in INDEPENDENT if lead in missing]
    if needed:
        raise DataError(f"{path}: no lead {', '.join(needed)}: give a record of 12 leads, or of I, II and V1 to V6")
    rows = [places[lead.lower()] for lead in wanted]
    unknown = sorted({str(units[row]) for row in rows} - {str(unit) for unit in units if _factor(unit)})
    if unknown:
        raise DataError(f"{path}: unit {', '.join(unknown)}: give a record in mV, uV or V")
    leads = signal[rows] * np.array([[_factor(units[row])] for row in rows])
    return twelve(leads) if missing else leads


def _factor(unit: str | None) -> float:
    """Return how many millivolts the unit is, 0 where it is none of a voltage."""
    return MILLIVOLTS.get(str(unit).strip().lower(), 0.0)


def _resample(leads: np.ndarray, rate: float) -> np.ndarray:
    """Return leads at 500 Hz, (12, 5000). The line between the ends is kept out of the filter: it would ring there."""
    from scipy.signal import resample_poly

    if rate == RATE:
        return leads
    ratio = Fraction(RATE / rate).limit_denominator(20_000)
    resampled = resample_poly(leads, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    return resampled[:, : int(SECONDS * RATE)]
