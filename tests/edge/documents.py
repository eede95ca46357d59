"""PDF and DICOM files of any content, written part by part."""

from io import BytesIO

import numpy as np
import pydicom


def dicom(
    *,
    picture: np.ndarray | None = None,
    document: bytes = b"",
    photometric: str = "RGB",
    bits: int = 8,
    padding: int = 0,
    **tags: object,
) -> bytes:
    """A DICOM file of a patient with a name: a secondary capture, an encapsulated PDF, or what the tags make.

    With `padding`, so many zeros in a private element, its data are compressed as a whole.
    """
    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = (
        pydicom.uid.DeflatedExplicitVRLittleEndian if padding else pydicom.uid.ExplicitVRLittleEndian
    )
    if padding:
        found.add_new(0x00090010, "LO", "tests")
        found.add_new(0x00091001, "OB", bytes(padding))
    found.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["ecg"])
    found.PatientName = "SECRET^NAME"
    if document:
        found.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    if picture is not None:
        frames = picture.shape[0] if picture.ndim == 4 else 1
        found.Rows, found.Columns = picture.shape[picture.ndim == 4 :][:2]
        found.SamplesPerPixel = 3 if picture.ndim > 2 else 1
        found.PhotometricInterpretation, found.PixelRepresentation = photometric, 0
        found.BitsAllocated = found.BitsStored = bits
        found.HighBit = bits - 1
        if found.SamplesPerPixel == 3:
            found.PlanarConfiguration = 0
        if frames > 1:
            found.NumberOfFrames = frames
        content = picture.astype(f"<u{bits // 8}").tobytes()
        found.PixelData = content + b"\0" * (len(content) % 2)
    for name, value in tags.items():
        setattr(found, name, value)
    file = BytesIO()
    found.save_as(file, enforce_file_format=True)
    return file.getvalue()


def written_pdf(parts: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first of them the catalogue."""
    content, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(content))
        content += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        content
        + b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
        + table
        + b"trailer<</Size %d/Root 1 0 R%s>>\n" % (len(parts) + 1, trailer)
        + b"startxref\n%d\n%%%%EOF" % len(content)
    )


def encrypted() -> bytes:
    """A PDF that asks for a password: what its dictionary says of the right one fits none."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/EcgImage/Parent 2 0 R/MediaBox[0 0 300 200]>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"00" * 32 + b">/U<" + b"11" * 32 + b">>>",
    ]
    return written_pdf(parts, b"/Encrypt 4 0 R/ID[<00><00>]")
