"""Which SVM is the configuration's, over each API: the errors if that is not clear."""

from __future__ import annotations

from dataontap.errors import OntapError


def ambiguous(number: int) -> OntapError:
    """The error for an account that sees another number of SVMs than one."""
    return OntapError(f"LOGIN sees {number} SVMs; CLUSTER_MODE_VSERVER must name the SVM")


def no_such_svm(name: str) -> OntapError:
    """The error for a filer without the SVM."""
    return OntapError(f"the filer has no SVM {name!r}; if CLUSTER_MODE_VSERVER is right, try again")
