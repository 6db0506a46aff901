"""Libraries that take gigabytes, as far as the tests need them: the same names with the same meaning, on NumPy.

Where the library itself is installed, it is used."""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any

import numpy as np


class Tensor:
    """What ``torch.from_numpy`` gives."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def float(self) -> Tensor:
        return Tensor(self.array.astype(np.float32))

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self.array

    def tolist(self) -> list[Any]:
        return self.array.tolist()

    def to(self, place: Any) -> Tensor:
        return self


class Module:
    """``torch.nn.Module`` with buffers."""

    def __init__(self) -> None:
        self._saved: dict[str, Tensor] = {}

    def register_buffer(self, name: str, tensor: Tensor, persistent: bool = True) -> None:
        setattr(self, name, tensor)
        if persistent:
            self._saved[name] = tensor

    def state_dict(self) -> dict[str, Tensor]:
        below = ((name, one) for name, one in vars(self).items() if isinstance(one, Module))
        return self._saved | {f"{name}.{key}": tensor for name, one in below for key, tensor in one.state_dict().items()}

    def to(self, place: Any) -> Module:
        self.place = place
        return self


class Subscripted:
    def __class_getitem__(cls, _: Any) -> type:
        return cls


def torch(monkeypatch: Any) -> types.ModuleType:
    """``torch``, or a module with the names that ``posweight.torch`` uses when it is loaded."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        return torch
    made = module("torch", from_numpy=Tensor, Tensor=Tensor, no_grad=lambda: lambda function: function)
    made.nn = module("torch.nn", Module=Module)
    data = module("torch.utils.data", Sampler=type("Sampler", (Subscripted,), {}), IterableDataset=type("IterableDataset", (Subscripted,), {}))
    made.utils = module("torch.utils", data=data)
    made.distributed = module("torch.distributed", is_available=lambda: False)
    for one in (made, made.nn, made.utils, data, made.distributed):
        monkeypatch.setitem(sys.modules, one.__name__, one)
    return made


def lightning(monkeypatch: Any) -> types.ModuleType:
    """``lightning.pytorch``, or a module with its ``Callback``."""
    if importlib.util.find_spec("lightning") is not None:
        import lightning.pytorch

        return lightning.pytorch
    made = module("lightning.pytorch", Callback=type("Callback", (), {}))
    monkeypatch.setitem(sys.modules, "lightning", module("lightning", pytorch=made))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", made)
    return made


def module(name: str, **names: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(names)
    return made
