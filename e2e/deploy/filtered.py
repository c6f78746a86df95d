"""Runs a program behind those filters of a unit that systemd makes with seccomp, and with its limits.

    filtered.py UNIT PROGRAM ARGUMENT…

SystemCallFilter=, RestrictAddressFamilies= and MemoryDenyWriteExecute= are done as systemd does them; the sets
of system calls are systemd's own.
"""

import ctypes
import errno
import mmap
import os
import resource
import socket
import subprocess
import sys

seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
EQUAL, GREATER, MASKED_EQUAL = 4, 6, 7
SHM_EXEC = 0o100000


class Comparison(ctypes.Structure):
    """Of one argument of a system call, as libseccomp's scmp_arg_cmp."""

    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """What it names gets `action`, all else gets `default`."""

    def __init__(self, default, action):
        self.handle, self.action = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(default))), action

    def add(self, name, *comparisons):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        # Names of other architectures are negative.
        if number >= 0:
            rules = (Comparison * len(comparisons))(*comparisons)
            added = seccomp.seccomp_rule_add_array(self.handle, ctypes.c_uint32(self.action), number, len(rules), rules)
            assert added == 0, (name, added)

    def load(self):
        assert seccomp.seccomp_load(self.handle) == 0


def expand(name):
    """The system calls of a set such as @system-service."""
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    return set().union(*(expand(line.strip()) for line in shown.splitlines()[1:] if line.strip() and "#" not in line))


def deny_write_execute():
    writable, executable = mmap.PROT_WRITE, mmap.PROT_EXEC
    refuse = Filter(ALLOW, REFUSE)
    refuse.add("mmap", Comparison(2, MASKED_EQUAL, writable | executable, writable | executable))
    refuse.add("mprotect", Comparison(2, MASKED_EQUAL, executable, executable))
    refuse.add("pkey_mprotect", Comparison(2, MASKED_EQUAL, executable, executable))
    refuse.add("shmat", Comparison(2, MASKED_EQUAL, SHM_EXEC, SHM_EXEC))
    refuse.load()


def restrict_address_families(names):
    allowed = {getattr(socket, name) for name in names}
    refuse = Filter(ALLOW, REFUSE)
    for family in set(range(max(allowed))) - allowed:
        refuse.add("socket", Comparison(0, EQUAL, family, 0))
    refuse.add("socket", Comparison(0, GREATER, max(allowed), 0))
    refuse.load()


def main(unit, *command):
    settings = [line.rstrip("\n").split("=", 1) for line in open(unit) if "=" in line and not line.startswith("#")]
    single, calls = dict(settings), set()
    for value in (value for key, value in settings if key == "SystemCallFilter"):
        names = set().union(*map(expand, value.removeprefix("~").split()))
        calls = calls - names if value.startswith("~") else calls | names

    # As far as this machine allows; only systemd may raise the hard limit.
    files = min(int(single["LimitNOFILE"]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.umask(int(single["UMask"], 8))
    allow = Filter(REFUSE, ALLOW)
    for name in calls:
        allow.add(name)
    if single["MemoryDenyWriteExecute"] == "yes":
        deny_write_execute()
    restrict_address_families(single["RestrictAddressFamilies"].split())
    # The last one, as it does not allow to load another.
    allow.load()
    os.execvp(command[0], command)


main(*sys.argv[1:])
