#!/bin/sh
# open-iscsi with an empty database in the mount and network namespaces that this runs in:
#   iscsi_steps.sh COMMAND...
set -eu
mount -t tmpfs iscsi-etc /etc/iscsi
mount -t tmpfs iscsi-lib /var/lib
mount -t tmpfs -o mode=0755 iscsi-run /run
mkdir -p /run/lock /var/lib/iscsi
exec "$@"
