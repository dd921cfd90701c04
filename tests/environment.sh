# What tests/run and tests/demo need of a Debian machine; sourced by both, with the repository as directory.
# Installs the missing packages and makes .venv; on a machine that has all of it this takes no time.
# tests/demo needs Debian packages only (prepare_demo). tests/run also needs tools from PyPI (prepare), and more
# packages, whose names prepare takes.

# What the demonstration imports and runs. setuptools and wheel install the product from the tree.
DEMO="ganeti open-iscsi python3 python3-venv python3-lxml python3-oslo.log python3-oslo.utils python3-setuptools
    python3-six python3-trustme python3-wheel util-linux"

# To build the Debian package, as debian/control says, and to look into it.
PACKAGING="build-essential debhelper dh-python lintian mandoc mmdebstrap pybuild-plugin-pyproject python3-all
    python3-setuptools python3-wheel"

# Networks and root trees for the nodes of a real cluster.
CLUSTER="iproute2 mmdebstrap"

# To make guests and to run them.
GUESTS="busybox-static e2fsprogs kmod mmdebstrap qemu-system-x86 zstd"

prepare_demo() {
    require_root && install_packages $DEMO && make_venv
}

prepare() {
    require_root && install_packages $DEMO strace "$@" && install_tools
}

require_root() {
    if [ "$(id -u)" != 0 ]; then
        echo "$0: needs root, for namespaces, mounts and loop devices" >&2
        return 1
    fi
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

make_venv() {
    # The system's Python, whatever else is first in PATH: it is the one that has Debian's libraries.
    # Nothing is downloaded: pip comes with python3-venv.
    # pip is the last thing that venv writes.
    [ -x .venv/bin/pip ] && [ "$(.venv/bin/python -V)" = "$(/usr/bin/python3 -V)" ] && return 0
    rm -rf .venv
    /usr/bin/python3 -m venv --system-site-packages .venv
}

install_tools() {
    local wanted
    wanted=$(/usr/bin/python3 -V | cat - tests/requirements.txt | sha256sum)
    [ "$(cat .venv/complete 2>/dev/null)" = "$wanted" ] && return 0
    echo "installing the tools of tests/requirements.txt into .venv"
    [ ! -e .venv/complete ] || rm -rf .venv # the tools of another list
    make_venv &&
        .venv/bin/python -m pip --quiet --disable-pip-version-check install -r tests/requirements.txt </dev/null &&
        echo "$wanted" >.venv/complete
}
