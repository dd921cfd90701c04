"""The verbs, one method each. ``verbs`` has the steps of each verb, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap import findings, log
from dataontap.errors import ChecksFailed
from dataontap.volume.verbs import attaching, changing, creation, leaving, opening, snapshots

if TYPE_CHECKING:
    from dataontap.volume.requests import Creation, Growth, Metadata, Opening, Snapshot, Verification, Volume
    from dataontap.volume.site import Site


class DataOnTapProvider:
    """The verbs that Ganeti asks of an external storage provider. It keeps no state between verbs."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def create(self, volume: Creation) -> None:
        """Create a LUN of ``volume.size`` bytes, or the least more the filer allows; tag it, map it, show it here.

        An existing LUN of this name is an error. If a step fails when the LUN may exist, the LUN is removed again.
        ``create`` waits for the device, because Ganeti forgets a volume that it could create but not attach.
        """
        creation.create(self._site, volume)

    def attach(self, volume: Volume) -> str:
        """The stable name of the volume's block device on this node. Brings the device up if it is not here.

        Raises VolumeError if there is no such LUN, and DeviceError if no device comes up.
        """
        return attaching.attach(self._site, volume)

    def attach_anew(self, volume: Volume) -> str | None:
        """Like ``attach``, but always asks the filer for the LUN, its size and its map, even with a record.

        For hooks, which are told neither the disk's pool nor its igroup. The LUN's tag has to tell, and is not
        changed. If the tag does not tell the igroup, a map to any igroup is enough. Returns None if no LUN is
        provably the volume's, and none is in use: an instance that is moved does not need it then.
        """
        return attaching.attach_anew(self._site, volume)

    def detach(self, volume: Volume) -> None:
        """Take the volume's device off this node. No device is no error; a device that is in use is an error.

        With an igroup per node, the LUN is then unmapped from this node's igroup. If the filer cannot be told,
        that is only a warning, because the device is gone.
        """
        leaving.detach(self._site, volume)

    def take_down(self, name: str) -> None:
        """Like ``detach``, for a volume that is removed. Does not ask the filer: another step handles the LUN."""
        leaving.take_down(self._site, name)

    def remove(self, volume: Volume) -> None:
        """Remove the LUN, never by force. A LUN that is gone already is no error."""
        leaving.remove(self._site, volume)

    def remove_left(self, volume: Volume, *, in_use: bool) -> None:
        """Remove the LUN that Ganeti left, if it is provably this disk's. VolumeError names a LUN that stays.

        ``in_use``: its device may be in use on a node.
        """
        leaving.remove_left(self._site, volume, in_use=in_use)

    def grow(self, volume: Growth) -> None:
        """Give the LUN ``volume.new_size`` bytes, and let this node see the new size if the device is here."""
        changing.grow(self._site, volume)

    def snapshot(self, volume: Snapshot) -> None:
        """Clone the LUN under the snapshot's name, with at least the size asked for, tagged and mapped."""
        snapshots.snapshot(self._site, volume)

    def setinfo(self, volume: Metadata) -> None:
        """Keep Ganeti's text in the LUN's comment, beside our tag. This completes a new volume."""
        changing.setinfo(self._site, volume)

    def open(self, volume: Opening) -> None:
        """Let this node use the volume. If ``exclusive``, unmap the LUN from every other node (fencing).

        Nothing that a fenced node still writes reaches the LUN after that: the LUN is mapped for that node again
        only by a verb that runs there and finds nothing of it left. With one igroup for all nodes, or without
        FENCING, there is nothing to do, except that a volume may have to move between igroups.
        """
        opening.open_volume(self._site, volume)

    def close(self, volume: Volume) -> None:
        """Stop this node's use of the volume until it opens it again: I/O no longer waits for failed paths.

        Neither unmaps the LUN nor takes the device down: Ganeti detaches or opens the volume later.
        """
        opening.close(self._site, volume)

    def verify(self, verification: Verification) -> str:
        """Check this node and the filer, one line per finding. ChecksFailed if a verb would fail."""
        found = [*self._site.checks().run(verification.checks)]
        secrets = self._site.settings.secrets
        report = "\n".join(log.mask(log.printable(str(finding)), secrets) for finding in found)
        failed = findings.summary(found)
        if failed:
            raise ChecksFailed(failed, report)
        return report
