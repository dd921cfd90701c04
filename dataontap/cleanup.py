"""The name by which nodes of every version run the clean-up: ``python3 -I -m dataontap.cleanup VOLUME...``."""

from __future__ import annotations

from dataontap.ganeti.cleanup import main

if __name__ == "__main__":
    raise SystemExit(main())
