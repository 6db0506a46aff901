"""``python -m posweight`` is the command ``posweight``."""

import sys

from ._cli import main

sys.exit(main())
