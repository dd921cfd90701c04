"""The kinds of ONTAP systems, as the filer tells its own. Only those whose LUNs are in volumes are served."""

from __future__ import annotations

import logging

from dataontap.client.rest import codes
from dataontap.client.rest.base import RestBase
from dataontap.client.rest.fields import Record, flag
from dataontap.errors import OntapError, Refusal

LOG = logging.getLogger(__name__)

CLUSTER = "/cluster"
# Whether the filer is ``disaggregated`` and ``san_optimized`` -> its kind (Trident, Ansible).
_KINDS = {
    (False, False): "unified",
    (False, True): "asa",
    (True, True): "asar2",
    (True, False): "afx",
}
_NOT_SERVED = {
    "asar2": "the filer is an ASA r2, whose LUNs are in no volume; this version does not support it",
    "afx": "the filer is an AFX, which has no LUNs",
}
# The account may not ask. Whether an SVM's account may have the right is not known [?].
_HIDDEN = "hidden"


class Kinds(RestBase):
    """Asks for the kind of filer, once a day."""

    def require_served(self) -> None:
        """Raise OntapError if the filer is of a kind that is not supported."""
        kind = self.memory.kind().get()
        if kind not in {*_KINDS.values(), _HIDDEN}:
            try:
                kind = self._ask_kind()
            except Refusal as error:  # in which words and with which code an SVM's account is refused, varies [?]
                LOG.info("%s; taking the filer for one whose LUNs are in volumes", error)
                kind = _HIDDEN
            self.memory.kind().put(kind)
        if kind in _NOT_SERVED:
            raise OntapError(_NOT_SERVED[kind])

    def _ask_kind(self) -> str:
        """The kind of filer. The release is for the log: what a filer can do is found out by asking."""
        found = self._ask("version,san_optimized,disaggregated")
        LOG.info("the filer's release: %s", found.get("version"))
        return _KINDS[flag(found, "disaggregated"), flag(found, "san_optimized")]

    def _ask(self, fields: str) -> Record:
        """The cluster's fields.

        Before 9.16 it has no such fields, and no source says since which release ``ignore_unknown_fields`` is
        known [?].
        """
        try:
            return self.server.get(CLUSTER, {"fields": fields, "ignore_unknown_fields": "true"})
        except Refusal as error:
            if error.code != codes.UNEXPECTED_ARGUMENT:
                raise
            return self.server.get(CLUSTER, {"fields": "version"})
