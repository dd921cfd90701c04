"""What ``verify`` looks at: that a volume's life here would find all it needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dataontap.client import codes, rights
from dataontap.errors import DataOntapError, NaApiError, TransportError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.igroups import Igroups
    from dataontap.orphans import Orphans


LOG = logging.getLogger(__name__)

_ROLE = "see ontap-account-zapi.txt"


class Checks:
    """One method a check; ``environ.Verification.known`` has their names in order."""

    def __init__(self, client: CmodeClient, igroups: Igroups, settings: Settings, orphans: Orphans) -> None:
        self._client = client
        self._igroups = igroups
        self._settings = settings
        self._orphans = orphans

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
        self._igroups.own  # noqa: B018 - raises when IGROUP is missing

    def connection(self) -> None:
        """The filer answers. A refusal is an answer, be it an HTTP status or an errno, whatever it says of us."""
        try:
            self._client.get_ontapi_version()
        except TransportError as error:
            if error.status is None:
                raise
        except NaApiError as error:
            if error.code != codes.EAPIPRIVILEGE:
                raise

    def credentials(self) -> None:
        """The filer knows the account, which has every right it needs, and it is clear for which SVM."""
        self._require_rights()
        self._client.get_ontapi_version()
        if self._settings.cluster_mode_vserver is None and self._client.get_admin_vservers():
            raise VolumeError("LOGIN is an account of the whole cluster: CLUSTER_MODE_VSERVER must name the SVM")

    def _require_rights(self) -> None:
        """VolumeError names the calls that the filer does not list among those that the account may make.

        Only asked for, not tried out: half of them change something.
        """
        needed = rights.needed(self._settings.storage_protocol, per_node=self._igroups.is_per_node)
        try:
            granted = self._client.get_capabilities()
        except NaApiError as error:
            if error.code != codes.EAPIPRIVILEGE:
                raise
            raise VolumeError(f"LOGIN may not ask for its rights ({error.api}); {_ROLE}") from None
        if granted is None:
            LOG.warning("this filer is too old to tell which rights LOGIN has")
            return
        missing = sorted(needed - granted)
        if missing:
            raise VolumeError(f"LOGIN may not call {', '.join(missing)}; {_ROLE}")

    def pool(self) -> None:
        """The SVM has the volume that new LUNs go to."""
        volume = self._settings.pool.partition("/")[0]
        if not self._client.get_pools([volume]):
            raise VolumeError(f"POOL: the SVM has no volume {volume!r}")

    def igroup(self) -> None:
        """The SVM has the initiator group that LUNs are mapped to, or can be given it."""
        self._igroups.check()

    def orphans(self) -> None:
        """Ganeti knows every LUN that this cluster made. Told by the master node only."""
        self._orphans.check()
