"""The command ``posweight``: the same as the program of that name."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    from . import _native

    # The command handles Ctrl-C and SIGTERM by itself.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)
    return _native.cli(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
