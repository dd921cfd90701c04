"""Fibre Channel without adapters: each end of an Ethernet cable is a port, by FCoE in VN2VN mode (fcoe, libfc).

The kernel's sysfs-bus-fcoe describes the files. Ports find each other without a switch, and log in where they find
a target. fc_host, fc_remote_ports and their timers are those of real adapters. A port's name is 20:00 and the
address of its Ethernet device.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.vm.machine import Machine

NODE_PORTS, FILER_PORTS = ("i0", "i1"), ("t0", "t1")
MTU = "2500"  # the largest Fibre Channel frame has 2148 bytes, and Ethernet's and FCoE's headers come to it


def lay_cables(machine: Machine) -> None:
    """One from each of a node's ports to one of the filer's, which are on the same machine."""
    for here, there in zip(NODE_PORTS, FILER_PORTS):
        machine.shell("ip link add $1 type veth peer name $2", here, there)


def lay_switches(filer: Machine, cables: Sequence[str]) -> None:
    """A switch for each of the filer's ports; ``cables`` lead to the ports of one node, then of the next one."""
    for number, port in enumerate(FILER_PORTS):
        switch, end = f"switch{number}", f"{port}end"
        filer.shell("ip link add $1 type veth peer name $2", port, end)
        filer.shell("ip link add $1 type bridge mcast_snooping 0 && ip link set $1 up mtu $2", switch, MTU)
        for cable in (end, *cables[number :: len(FILER_PORTS)]):
            filer.shell("ip link set $1 mtu $3 master $2 up", cable, switch, MTU)


def wwpns(machine: Machine, ports: tuple[str, ...]) -> list[str]:
    """The names of ports, as ONTAP writes them."""
    return [f"20:00:{machine.shell('cat /sys/class/net/$1/address', port)}" for port in ports]


def start(machine: Machine, ports: tuple[str, ...]) -> None:
    """Let Ethernet devices be Fibre Channel ports. A target's have to be configured before initiators start."""
    for port in ports:
        machine.shell(_START, port, MTU)


_START = """
    modprobe -a fcoe
    ip link set "$1" mtu "$2" up
    echo "$1" >/sys/bus/fcoe/ctlr_create
    port=$(ls -dv /sys/bus/fcoe/devices/ctlr_* | tail -n 1)
    echo vn2vn >"$port/mode"
    echo 1 >"$port/enabled"
"""
