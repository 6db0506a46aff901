"""The examples of the documentation give what they show."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import posweight
import pytest


@pytest.fixture(autouse=True)
def here(root, monkeypatch):
    monkeypatch.chdir(root)


def test_the_page(root):
    failed, tried = doctest.testfile(str(root / "src/docs/python.md"), module_relative=False)
    assert tried > 25 and failed == 0


@pytest.mark.parametrize("name", ["posweight", "posweight._api", "posweight._counter"])
def test_docstrings(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0 and failed == 0


def test_the_page_has_every_exception(root):
    page = (root / "src/docs/python.md").read_text()
    for name in posweight.__all__:
        kind = getattr(posweight, name)
        if isinstance(kind, type) and issubclass(kind, posweight.PosweightError) and kind.code > 1:
            base = next((f"`{base.__name__}`" for base in (ValueError, OSError, MemoryError) if issubclass(kind, base)), "")
            assert f"| `{name}` | {base} | {kind.code} |".replace("|  |", "| |") in page


def test_every_name_is_there():
    assert set(posweight.__all__) <= set(dir(posweight))
    assert all(getattr(posweight, name) is not None for name in posweight.__all__)
    assert posweight.__version__.count(".") == 2
    assert np.__version__
