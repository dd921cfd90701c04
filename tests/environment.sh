# What tests/run and tests/demo need of a Debian machine; sourced by both, with the repository as directory.
# Installs the missing packages, and the tools into .venv; on a machine that has all of it this takes no time.
# prepare takes further packages' names: tests/run needs more than a demonstration does.

PACKAGES="ganeti open-iscsi python3 python3-venv python3-lxml python3-oslo.log python3-oslo.utils python3-six strace util-linux"

# To build the Debian package, as debian/control says, and to look into it.
PACKAGING="build-essential debhelper dh-python lintian mandoc mmdebstrap pybuild-plugin-pyproject python3-all
    python3-setuptools python3-wheel"

# Networks and root trees for the nodes of a real cluster.
CLUSTER="iproute2 mmdebstrap"

# To make guests and to run them.
GUESTS="busybox-static e2fsprogs kmod mmdebstrap qemu-system-x86 zstd"

prepare() {
    if [ "$(id -u)" != 0 ]; then
        echo "$0: needs root, for namespaces, mounts and loop devices" >&2
        return 1
    fi
    install_packages $PACKAGES "$@" && install_tools
}

install_packages() {
    local package missing=
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # Ganeti's library is wanted, not its daemons: nothing shall be started.
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=1
        trap "rm -f $policy" EXIT # also when we are interrupted: nothing could be started on this machine any more
    fi
    local status=0
    { apt-get -qq update && apt-get -qq install --no-install-recommends $missing; } >.apt.log 2>&1 </dev/null || status=$?
    [ -z "$made" ] || { rm -f $policy; trap - EXIT; }
    [ $status = 0 ] && rm -f .apt.log || { tail -20 .apt.log >&2; return $status; }
}

install_tools() {
    # The system's Python, whatever else is first in PATH: it is the one that has Debian's libraries.
    local wanted
    wanted=$(/usr/bin/python3 -V | cat - tests/requirements.txt | sha256sum)
    [ "$(cat .venv/complete 2>/dev/null)" = "$wanted" ] && return 0
    echo "installing the tools of tests/requirements.txt into .venv"
    rm -rf .venv
    /usr/bin/python3 -m venv --system-site-packages .venv &&
        .venv/bin/python -m pip --quiet --disable-pip-version-check install -r tests/requirements.txt </dev/null &&
        echo "$wanted" >.venv/complete
}
