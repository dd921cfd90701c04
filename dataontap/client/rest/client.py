"""ONTAP over REST."""

from __future__ import annotations

from dataontap.client.rest.maps import MapCalls
from dataontap.client.rest.svm import SvmCalls


class RestClient(MapCalls, SvmCalls):
    """A filer's SVM, as ``client.array.Array``."""
