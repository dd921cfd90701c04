"""What is installed where, under any prefix: the library, and the provider directory exactly as Ganeti sees it."""

import glob
import re

from setuptools import find_packages, setup

PROVIDER = "share/ganeti/extstorage/dataontap"
SHARE = "share/ganeti-extstorage-dataontap"


def version():
    """The library's own word for it, read without importing it: its dependencies may not be here yet."""
    with open("dataontap/__init__.py", encoding="utf-8") as file:
        return re.search(r'^__version__ = "(.+)"$', file.read(), re.M)[1]


setup(
    name="ganeti-extstorage-dataontap",
    version=version(),
    description="Ganeti external storage on NetApp Data ONTAP LUNs",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=find_packages(include=["dataontap", "dataontap.*"]),
    install_requires=["lxml", "six", "oslo.log", "oslo.utils"],
    data_files=[
        (PROVIDER, sorted(glob.glob("scripts/*"))),
        (f"{SHARE}/hooks", sorted(glob.glob("hooks/*"))),
    ],
)
