"""How much memory a script needs for the worst answer that it takes: measured, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulator.process import REPOSITORY

# Shapes of an answer that take most memory for each byte.
SHAPES = {
    "elements": "<a/>",
    "texts": "<a>x</a>",
    "attributes": f"<a {' '.join(f'a{number}=' for number in range(50))}/>".replace("=", "='x'"),
    "namespaces": "<a xmlns:a='u' xmlns:b='u' xmlns:c='u'/>",
    "comments": "<!---->",
    "records": "<lun-info><path>/vol/vol1/x</path><size>1</size><comment>y</comment></lun-info>",
}
# Reads an answer of such a shape, as long as one may be; tells by how many KiB its memory grew, and the error.
MEASURED = """
import resource, sys
from lxml import etree
from dataontap.client import transport
from dataontap.client.zapi import api
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.errors import OntapError

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

shape, marks = sys.argv[1].encode(), int(sys.argv[2])
number = (transport.ANSWER_LIMIT - 1000) // len(shape)
if marks:
    number = min(number, (api.MARKUP_LIMIT - 100) // marks)
frame = b"<netapp><results status='passed'><attributes-list>%b</attributes-list></results></netapp>"
answer = frame % (shape * number)
client = CmodeClient(api.NaServer(lambda document: answer))
before = peak()
try:
    client.get_lun_by_args()
except OntapError as error:
    print(peak() - before, error)
"""
MIB = 1024  # in KiB, as the kernel counts


def measured(shape: str, marks: int) -> tuple[int, str]:
    """By how many KiB a process grows that reads an answer of ``shape``, and the error that it ends with.

    The answer is as long as one may be; if ``shape`` has ``marks``, it has no more of them than it may have.
    """
    command = [sys.executable, "-c", MEASURED, shape, str(marks)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    grown, _, error = done.stdout.strip().partition(" ")
    return int(grown), error


@pytest.mark.parametrize("name", SHAPES)
def test_no_answer_takes_much_memory(name: str) -> None:
    shape = SHAPES[name]
    grown, error = measured(shape, 0)
    assert error.startswith("the answer has more than 250000 elements")
    assert grown < 8 * MIB
    grown, error = measured(shape, shape.count("<") + shape.count("="))
    assert error.startswith("the answer to lun-get-iter announces no number of records")
    assert grown < 128 * MIB
