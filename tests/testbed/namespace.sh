#!/bin/sh
# What a node of the test-bed has to itself, in the mount and UTS namespace that this runs in:
#   namespace.sh HOSTNAME DIRECTORY COMMAND...
# Says "ready", then lives until its standard input ends, be it because who started it was killed; COMMAND takes down
# what the node has outside of the namespace, and with it go the namespace and its mounts.
set -eu
hostname "$1"
mount --bind "$2/etc-ganeti" /etc/ganeti
mount --bind "$2/lib-ganeti" /var/lib/ganeti
mount --bind "$2/log" /var/log
mkdir -p /var/lib/ganeti-extstorage-dataontap
mount --bind "$2/state" /var/lib/ganeti-extstorage-dataontap
mount -t tmpfs -o mode=0755 node-run /run
echo ready
cat >/dev/null
shift 2
exec "$@"
