"""Where things are on a node. attach's hot path imports it, so it imports nothing."""

CONFIG_FILE = "/etc/ganeti/extstorage-dataontap.conf"
RUN = "/run/ganeti-extstorage-dataontap"
