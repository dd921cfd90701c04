#!/bin/sh
# The first process of a machine of the test-bed, in the namespaces that it runs in (mount, UTS, PID, network):
#   machine.sh NAME DIRECTORY LAYERS [OUTSIDE:INSIDE...]
# Its root is an overlay in DIRECTORY over LAYERS; the directory OUTSIDE is there as INSIDE. Says "ready", then lives
# until its standard input ends: so the machine goes with whoever made it, and takes its loop devices along.
set -eu
name=$1 directory=$2 layers=$3
shift 3
root=$directory/root
hostname "$name"
# Nothing of it has to survive a crash of this computer: volatile saves all of Ganeti's fsyncs.
mount -t overlay overlay -o "volatile,lowerdir=$layers,upperdir=$directory/upper,workdir=$directory/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 run "$root/run"
mkdir -p "$root/run/lock" "$root/run/sshd"
for place; do
    mkdir -p "$root${place#*:}"
    mount --bind "${place%%:*}" "$root${place#*:}"
done
cd "$root"
pivot_root . mnt
umount -l mnt
echo "$name" >/etc/hostname
echo ready
cat >/dev/null # the shell reaps whatever orphans come meanwhile
kill -KILL -1 || : # nobody is left
[ ! -e /srv/testbed/repository ] || /usr/bin/python3 /srv/testbed/repository/tests/simulator/fabric.py clear --links /run/disk
