"""Clustered ONTAP over ZAPI."""

from __future__ import annotations

from dataontap.client.zapi.luns import LunCalls
from dataontap.client.zapi.maps import MapCalls
from dataontap.client.zapi.svm import SvmCalls


class CmodeClient(LunCalls, MapCalls, SvmCalls):
    """A filer's SVM (vserver), as ``client.array.Array``."""
