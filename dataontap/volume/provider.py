"""The verbs, one method each. How each is done stands in ``verbs``, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap import findings, log
from dataontap.errors import ChecksFailed
from dataontap.volume.verbs import attaching, changing, creation, leaving, opening, snapshots

if TYPE_CHECKING:
    from dataontap.volume.requests import Creation, Growth, Metadata, Opening, Snapshot, Verification, Volume
    from dataontap.volume.site import Site


class DataOnTapProvider:
    """What Ganeti can ask of an external storage provider. It keeps nothing from one verb to the next."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def create(self, volume: Creation) -> None:
        """Make a LUN of ``volume.size`` bytes or the least more the filer allows, tagged, mapped and visible here.

        An existing LUN of this name is an error. If anything fails once it may be there, it is removed again:
        so the device is waited for, because Ganeti forgets a volume that it could make but not attach.
        """
        creation.create(self._site, volume)

    def attach(self, volume: Volume) -> str:
        """The volume's block device on this node, by its stable name; made to appear if it is not here.

        Raises VolumeError when there is no such LUN and DeviceError when no device comes.
        """
        return attaching.attach(self._site, volume)

    def attach_anew(self, volume: Volume) -> str | None:
        """As ``attach``, but whatever is on record the filer is asked for the LUN, its size and its map.

        For hooks, which are told neither the disk's pool nor its igroup: the LUN's tag has to tell, and is left as
        it is. Where it does not tell the igroup, a map to any will do. None: no LUN is provably the volume's, but
        none is in use either, so that an instance that is moved does not need it.
        """
        return attaching.attach_anew(self._site, volume)

    def detach(self, volume: Volume) -> None:
        """Take the volume's device off this node; none here is fine, one that is in use is an error.

        Where each node has a group of its own, the LUN is then taken out of this node's; that the filer cannot be
        told is a warning, because the device is gone.
        """
        leaving.detach(self._site, volume)

    def take_down(self, name: str) -> None:
        """As detach, for a volume that is removed: what the filer still has of it is another's affair."""
        leaving.take_down(self._site, name)

    def remove(self, volume: Volume) -> None:
        """Remove the LUN, by force never; one that is gone already is fine."""
        leaving.remove(self._site, volume)

    def remove_left(self, volume: Volume, *, in_use: bool) -> None:
        """Remove the LUN that Ganeti left, if it is provably this disk's; VolumeError names one that stays.

        ``in_use``: its device may be in use on a node.
        """
        leaving.remove_left(self._site, volume, in_use=in_use)

    def grow(self, volume: Growth) -> None:
        """Give the LUN ``volume.new_size`` bytes, and let this node see them if the device is here."""
        changing.grow(self._site, volume)

    def snapshot(self, volume: Snapshot) -> None:
        """Clone the LUN under the snapshot's name, at least as big as asked for, tagged and mapped."""
        snapshots.snapshot(self._site, volume)

    def setinfo(self, volume: Metadata) -> None:
        """Keep Ganeti's text in the LUN's comment, beside our tag; a new volume is complete then."""
        changing.setinfo(self._site, volume)

    def open(self, volume: Opening) -> None:
        """Let this node use the volume: alone if ``exclusive``, which takes the LUN away from every other node.

        What a node that is cut off still writes does not reach the LUN then, nor ever after: it is mapped for
        that node again only by a verb that runs there and finds nothing of it left. With one group for all nodes,
        or without FENCING, there is nothing to do; except that a volume may have to move between groups.
        """
        opening.open_volume(self._site, volume)

    def close(self, volume: Volume) -> None:
        """Let this node not use the volume until it opens it again: no I/O waits for paths any more.

        Neither unmaps nor takes anything down: Ganeti detaches later, or opens again.
        """
        opening.close(self._site, volume)

    def verify(self, verification: Verification) -> str:
        """What a volume will find here and on the filer, a line a finding; ChecksFailed if a verb would fail."""
        found = [*self._site.checks().run(verification.checks)]
        secrets = self._site.settings.secrets
        report = "\n".join(log.mask(log.printable(str(finding)), secrets) for finding in found)
        failed = findings.summary(found)
        if failed:
            raise ChecksFailed(failed, report)
        return report
