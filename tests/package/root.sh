#!/bin/sh
# A command in a root of its own, in the mount and PID namespaces that this runs in:
#   root.sh DIRECTORY LAYERS SHARED COMMAND...
# The root is an overlay in DIRECTORY over LAYERS; SHARED, a directory of this machine's if it is not empty, is in the
# same place there. What the command leaves running ends with it, and so do the mounts.
set -eu
directory=$1 layers=$2 shared=$3
shift 3
mount -t overlay overlay -o "volatile,lowerdir=$layers,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"
mount -t proc proc "$directory/root/proc"
if [ -n "$shared" ]; then
    mkdir -p "$directory/root$shared"
    mount --bind "$shared" "$directory/root$shared"
fi
# Not chroot: who enters these namespaces from within shall come out in this root, too.
pivot_root "$directory/root" "$directory/root/mnt"
cd /
umount --lazy /mnt
exec "$@"
