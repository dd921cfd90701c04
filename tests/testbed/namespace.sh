#!/bin/sh
# What a node of the test-bed has to itself, in the mount and UTS namespace that this runs in:
#   namespace.sh HOSTNAME DIRECTORY
# Says "ready", then lives until its standard input ends; with it go the namespace and its mounts.
set -eu
hostname "$1"
mount --bind "$2/etc-ganeti" /etc/ganeti
mount --bind "$2/lib-ganeti" /var/lib/ganeti
mount --bind "$2/log" /var/log
mount -t tmpfs -o mode=0755 node-run /run
echo ready
exec cat
