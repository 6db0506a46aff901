"""Exceptions: one class for each exit code of the command line."""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "ChangedError",
    "CheckFailed",
    "InputError",
    "InternalError",
    "OutputError",
    "PosweightError",
    "ResourceError",
    "TransientError",
    "UsageError",
]


class PosweightError(Exception):
    """What went wrong.

    ``code`` is the exit code of the command line, ``hint`` says what to do, and ``retryable`` is true if the same call may
    succeed later.
    """

    code: int = 1
    retryable: bool = False

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint)


class InternalError(PosweightError):
    """A bug in posweight."""


class UsageError(PosweightError, ValueError):
    """An argument is wrong, or two contradict each other."""

    code = 2


class CheckFailed(PosweightError):
    """A check of severity error failed."""

    code = 3


class InputError(PosweightError, ValueError):
    """The shards, or other input, are missing, corrupt or not as declared."""

    code = 4


class TransientError(PosweightError, OSError):
    """Reading or writing failed, and a retry may succeed."""

    code = 5
    retryable = True


class ResourceError(PosweightError, MemoryError):
    """Out of memory or disk, or over a limit."""

    code = 6


class OutputError(PosweightError, OSError):
    """The output exists, is written by another run, or cannot be written."""

    code = 7


class ChangedError(PosweightError):
    """The shards changed while they were read."""

    code = 8
    retryable = True


_CLASSES: dict[int, type[PosweightError]] = {
    one.code: one
    for one in (
        InternalError,
        UsageError,
        CheckFailed,
        InputError,
        TransientError,
        ResourceError,
        OutputError,
        ChangedError,
    )
}
for _class in _CLASSES.values():
    _class.__module__ = "posweight"
PosweightError.__module__ = "posweight"

_FLAG = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def _keyword(text: str) -> str:
    """Names of flags as keywords: ``--memory-limit`` is ``memory_limit``."""
    return _FLAG.sub(lambda flag: flag[1].replace("-", "_"), text)


def made(code: int, message: str, hint: str | None) -> BaseException:
    """The exception for an exit code; called by the extension module."""
    if code in (130, 143):
        return KeyboardInterrupt()
    made = _CLASSES.get(code, InternalError)
    return made(_keyword(message), None if hint is None else _keyword(hint))
