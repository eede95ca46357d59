"""Augmentations: reproducible, and ECG images from elsewhere keep their traces."""

from pathlib import Path

import numpy as np

from edge.images.page import open_page
from training.fit.augmentation import augmented, from_elsewhere

DIGEST = "0123456789abcdef"


def image_of(folder: Path) -> np.ndarray:
    picture = open_page(sorted(folder.glob("train/*/*.jpg"))[0]).resize((512, 384))
    return np.asarray(picture)


def test_the_same_digest_and_seed_make_the_same_picture(synthetic_folder: Path) -> None:
    image = image_of(synthetic_folder)
    for make in (lambda digest, seed: augmented(image, digest, 3, seed), lambda *key: from_elsewhere(image, *key)):
        first = make(DIGEST, 1)
        np.testing.assert_array_equal(first, make(DIGEST, 1))
        assert (first != make(DIGEST, 2)).any()
        assert (first != make(DIGEST[::-1], 1)).any()
    np.testing.assert_array_equal(augmented(image, DIGEST, 0, 1), image)


def test_an_image_from_elsewhere_is_another_picture_of_an_ecg(synthetic_folder: Path) -> None:
    """Paper, light and frame differ from picture to picture, and ink stays darker than the paper around it."""
    image = image_of(synthetic_folder)
    pictures = [from_elsewhere(image, f"{number:016x}", 0) for number in range(40)]
    assert all(picture.shape == image.shape and picture.dtype == np.uint8 for picture in pictures)
    papers = np.array([np.median(picture.reshape(-1, 3), axis=0) for picture in pictures])
    assert papers.std(axis=0).min() > 10
    assert (np.ptp(papers, axis=1) < 3).any()  # without colour, or nearly so
    assert (np.ptp(papers, axis=1) > 20).any()
    for picture, paper in zip(pictures, papers, strict=True):
        assert np.percentile(picture.min(axis=2), 0.5) < 0.75 * paper.min()
    np.testing.assert_array_equal(image, image_of(synthetic_folder))  # the image itself is left as it was
