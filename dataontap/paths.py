"""Paths on a node. attach's hot path imports this module, so it imports nothing."""

CONFIG_FILE = "/etc/ganeti/extstorage-dataontap.conf"
RUN = "/run/ganeti-extstorage-dataontap"
STATE = "/var/lib/ganeti-extstorage-dataontap"
