"""What ``verify`` looks at: that a volume's life here would find all it needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError, TransportError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.luns import Luns


LOG = logging.getLogger(__name__)


class Checks:
    """One method a check; ``environ.Verification.known`` has their names in order."""

    def __init__(self, client: CmodeClient, luns: Luns, settings: Settings) -> None:
        self._client = client
        self._luns = luns
        self._settings = settings

    def run(self, names: Sequence[str]) -> Iterator[tuple[str, DataOntapError | None]]:
        """Each check's name and what is wrong, if anything."""
        for number, name in enumerate(names, start=1):
            problem = None
            try:
                getattr(self, name)()
            except DataOntapError as error:
                problem = error
            yield name, problem
            if name == "connection" and problem is not None:
                # The others would only say so again, after waiting as long.
                for unchecked in names[number:]:
                    LOG.warning("verify %s: not checked, because the filer does not answer", unchecked)
                return

    def params(self) -> None:
        """The ext-params are right: wrong ones were refused before any check could run."""

    def config(self) -> None:
        """The configuration file is right, for the same reason; what its options need of each other is here."""
        self._luns.igroup  # noqa: B018 - raises when IGROUP is missing

    def connection(self) -> None:
        """The filer answers. An HTTP status is an answer, whatever it says of our credentials."""
        try:
            self._client.get_ontapi_version()
        except TransportError as error:
            if error.status is None:
                raise

    def credentials(self) -> None:
        """The filer knows the account, and it is clear which SVM's volumes it is for."""
        self._client.get_ontapi_version()
        if self._settings.cluster_mode_vserver is None and self._client.get_admin_vservers():
            raise VolumeError("LOGIN is an account of the whole cluster: CLUSTER_MODE_VSERVER must name the SVM")

    def pool(self) -> None:
        """The SVM has the volume that new LUNs go to."""
        volume = self._settings.pool.partition("/")[0]
        if not self._client.get_pools([volume]):
            raise VolumeError(f"POOL: the SVM has no volume {volume!r}")

    def igroup(self) -> None:
        """The SVM has the initiator group that LUNs are mapped to."""
        if not self._client.get_igroup_names(self._luns.igroup):
            raise VolumeError(f"IGROUP: the SVM has no initiator group {self._luns.igroup!r}")
