"""What the tests share. They run in environments with different libraries and leave out what a library is missing for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout, with sample_data and pipelines."""
    return ROOT


@pytest.fixture(scope="session")
def sample_data() -> Path:
    return ROOT / "sample_data"


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program, built by cargo."""
    path = Path(os.environ.get("POSWEIGHT_BINARY", ROOT / "target/debug/posweight"))
    if not path.exists():
        pytest.skip("there is no program: cargo build")
    return path


@pytest.fixture
def matrix() -> np.ndarray:
    """A hundred rows of seven labels, rare and frequent ones, one of them never."""
    random = np.random.default_rng(7)
    y = (random.random((100, 7)) < [0.5, 0.3, 0.1, 0.05, 0.9, 0.02, 0.0]).astype(np.int8)
    y[0, :6] = 1
    return y


@pytest.fixture
def names() -> list[str]:
    return ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]


def by_hand(y: np.ndarray) -> np.ndarray:
    """Negatives over positives; 1 for a label without one of them."""
    positives, negatives = (y == 1).sum(0), (y == 0).sum(0)
    with np.errstate(divide="ignore"):
        ratio = negatives / positives
    return np.where((positives == 0) | (negatives == 0), 1.0, ratio).astype(np.float32)
