"""ZAPI's calls, as REST's requests: so tests that name a call are right over either API."""

from __future__ import annotations

_LUNS, _LUN = "/storage/luns", "/storage/luns/{uuid}"
_MAPS, _MAP = "/protocols/san/lun-maps", "/protocols/san/lun-maps/{lun.uuid}/{igroup.uuid}"
_REST = {
    "lun-get-iter": f"GET {_LUNS}",
    "lun-create-by-size": f"POST {_LUNS}",
    "clone-create": f"POST {_LUNS}",
    "lun-resize": f"PATCH {_LUN}",
    "lun-set-comment": f"PATCH {_LUN}",
    "lun-destroy": f"DELETE {_LUN}",
    "lun-map-get-iter": f"GET {_MAPS}",
    "lun-map": f"POST {_MAPS}",
    "lun-unmap": f"DELETE {_MAP}",
    "vserver-get-iter": "GET /svm/svms",
}


def spelled(call: str, api: str) -> str:
    """ZAPI's ``call`` as this API has it, for faults and in the filer's log."""
    return _REST[call] if api == "rest" else call


def told(call: str, api: str) -> str:
    """ZAPI's ``call`` as the product's messages name it over this API."""
    if api == "zapi":
        return call
    method, path = _REST[call].split()
    return f"{method} {[part for part in path.split('/') if not part.startswith('{')][-1]}"
