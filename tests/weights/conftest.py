"""Photographs as the networks take them, and a network that tests share."""

import cv2
import numpy as np
import pytest

import fakes


@pytest.fixture(scope="session")
def gray_photos(photos):
    """Batches `[1, H, W, 1]` of several sizes, mean of R, G and B minus 0.4488."""
    sizes = {"chelsea": (64, 48), "coffee": (45, 77), "bridge": (33, 70)}
    batches = []
    for name, size in sizes.items():
        image = cv2.imread(str(photos / f"{name}.jpg"))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA) / 255
        gray = image.mean(axis=-1, keepdims=True) - 0.4488
        batches.append(gray[None].astype(np.float32))
    return batches


@pytest.fixture(scope="session")
def resnet50():
    """A tiny ResNet-50 with batch normalization, which no test may change."""
    return fakes.network("resnet50")
