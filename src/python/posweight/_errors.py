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

#: Keywords whose values are words, and these words: in texts they look like any other.
_WORDS = {
    "compat": ("mldr", "mulan"),
    "engine": ("auto", "encoded", "plain"),
    "label_kind": ("index", "name"),
    "layout": ("bits", "class", "delimited", "list", "long", "map", "vector", "wide"),
    "missing_columns": ("error", "missing"),
    "normalize": ("max", "mean", "none", "sum"),
    "null_as": ("missing", "negative", "positive"),
    "on_bad_shard": ("fail", "skip"),
    "order": ("frequency", "given", "name", "number"),
    "row_measures": ("auto", "off", "on"),
    "scheme": ("effective-number", "log", "log1p", "ratio", "sqrt"),
    "state": ("auto",),
    "uncertain_as": ("missing", "negative", "positive", "uncertain"),
    "unit": ("element", "row"),
}
#: Flags that the functions call otherwise.
_OTHERWISE = {"run": "runs", "table": "tables"}
#: Keywords that take several values, which flags part by commas.
_SEVERAL = ("by", "clip", "formats", "labels", "missing_values", "negative_values", "positive_values", "uncertain_values")
_COMMAND = re.compile(r"\bposweight [a-z]+ .*?(?=, or |, then |;|$)")
_VALUE = r"""'[^']*'|"(?:[^"\\]|\\.)*"|[^\s;'"()]*[^\s;:,.'"()]"""
_FLAG = re.compile(rf"--([a-z]+(?:-[a-z]+)*)(?:(?P<sign>[ =])(?P<value>{_VALUE})(?=(?P<next> --|$)?))?", re.MULTILINE)


def in_python(text: str) -> str:
    """Flags as keywords: ``--min-positives 10`` is ``min_positives=10``. Commands of the program stay as they are."""
    parts, end = [], 0
    for command in _COMMAND.finditer(text):
        parts += [_keywords(text[end : command.start()]), command[0]]
        end = command.end()
    return "".join([*parts, _keywords(text[end:])])


def _keywords(text: str) -> str:
    from ._api import compute

    known = {*(compute.__kwdefaults__ or {}), *_OTHERWISE.values()}
    out, end = "", 0
    # Flags side by side, with their values.
    beside: dict[str, list[str]] = {}
    for flag in _FLAG.finditer(text):
        key = flag[1].replace("-", "_")
        key = _OTHERWISE.get(key, key)
        if key not in known:
            continue
        if text[end : flag.start()] != " ":
            out, beside = out + _arguments(beside), {}
        value = flag["value"]
        if value is not None and (flag["sign"] == "=" or _is_value(key, value, flag["next"], bool(beside))):
            out += "" if beside else text[end : flag.start()]
            beside.setdefault(key, []).append(value)
            end = flag.end()
        else:
            out, beside = f"{out}{_arguments(beside)}{text[end : flag.start()]}{key}", {}
            end = flag.end(1)
    return out + _arguments(beside) + text[end:]


def _is_value(key: str, value: str, following: str | None, beside: bool) -> bool:
    """Whether what follows a flag is its value, and not the next word of the sentence."""
    if value[0] in "'\"" or re.fullmatch(r"-|-?\d[\d.,]*|[A-Z]+(:.*)?", value) or value.split(":")[0] in _WORDS.get(key, ()):
        return True
    # Columns have any names: they end the text, or other flags are beside them.
    free = key in ("labels", "id", "value") and value not in ("and", "or", "in", "with")
    return free and (following == " --" or (following == "" and (beside or key == "labels")))


def _arguments(given: dict[str, list[str]]) -> str:
    return ", ".join(f"{key}={_literal(key, values)}" for key, values in given.items())


def _literal(key: str, given: list[str]) -> str:
    """A value, or several, as Python writes them."""

    def one(value: str) -> str:
        if re.fullmatch(r"-?\d+(\.\d+)?|[A-Z]+", value):
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    plain = []
    for value in given:
        if value[0] == '"' and len(given) == 1:
            return value
        bare = value.strip("'\"")
        plain += bare.split(",") if key in _SEVERAL and bare == value else [bare]
    if len(plain) == 1:
        return one(plain[0])
    texts = ", ".join(map(one, plain))
    return f"({texts})" if key == "clip" else f"[{texts}]"


def made(code: int, message: str, hint: str | None) -> BaseException:
    """The exception for an exit code; called by the extension module."""
    if code in (130, 143):
        return KeyboardInterrupt()
    made = _CLASSES.get(code, InternalError)
    return made(in_python(message), None if hint is None else in_python(hint))
