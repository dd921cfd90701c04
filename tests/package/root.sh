#!/bin/sh
# A command in a root of its own, in the mount and PID namespaces that this runs in:
#   root.sh DIRECTORY LAYERS COMMAND...
# The root is an overlay in DIRECTORY over LAYERS. What the command leaves running ends with it, and so do the mounts.
set -eu
directory=$1 layers=$2
shift 2
mount -t overlay overlay -o "volatile,lowerdir=$layers,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"
mount -t proc proc "$directory/root/proc"
# Not chroot: who enters these namespaces from within shall come out in this root, too.
pivot_root "$directory/root" "$directory/root/mnt"
cd /
umount --lazy /mnt
exec "$@"
