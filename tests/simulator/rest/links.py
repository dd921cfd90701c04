"""HAL links: where a record is, and where the records are that it refers to."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.simulator.rest.fields import Document

# A reference by its name in a record -> the collection that it is a record of.
REFERENCES = {
    "svm": "/api/svm/svms",
    "igroup": "/api/protocols/san/igroups",
    "igroups": "/api/protocols/san/igroups",
    "lun": "/api/storage/luns",
    "volume": "/api/storage/volumes",
    "parent_volume": "/api/storage/volumes",
    "aggregates": "/api/storage/aggregates",
    "node": "/api/cluster/nodes",
    "home_node": "/api/cluster/nodes",
    "reporting_nodes": "/api/cluster/nodes",
    "owner": "/api/svm/svms",
    "job": "/api/cluster/jobs",
    "qos_policy": "/api/storage/qos/policies",
}


def self_link(href: str) -> Document:
    """``_links`` that say where this is."""
    return {"self": {"href": href}}


def linked(document: Document, href: str) -> Document:
    """A record with its link, and those of the records that it refers to by uuid."""
    return {**{name: _inside(name, value) for name, value in document.items()}, "_links": self_link(href)}


def _inside(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_inside(name, each) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _inside(key, each) for key, each in value.items()}
    if name in REFERENCES and isinstance(value.get("uuid"), str):
        return {**inner, "_links": self_link(f"{REFERENCES[name]}/{quote(value['uuid'])}")}
    return inner
