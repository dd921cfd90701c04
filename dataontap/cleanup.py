"""``python3 -I -m dataontap.cleanup VOLUME...``: nodes of all versions run the clean-up by this name."""

from __future__ import annotations

from dataontap.ganeti.cleanup import main

if __name__ == "__main__":
    raise SystemExit(main())
