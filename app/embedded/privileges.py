"""PostgreSQL refuses to run as root: two ways for root to start it anyway, both applied between fork and exec."""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.domain.errors import ConfigurationInvalid

CLONE_NEWUSER = 0x10000000
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who runs PostgreSQL. `uid` owns its files; `become` is None when we can stay who we are."""

    uid: int
    become: Callable[[], None] | None


def postgres_identity() -> Identity:
    """Ourselves; for root and for a user without a name: a user namespace, else (root only) the user `nobody`.

    Raises `ConfigurationInvalid` when this system allows none of them.
    """
    uid = os.geteuid()
    if uid != 0 and _has_name(uid):
        return Identity(uid=uid, become=None)
    nobody = _nobody()
    if sys.platform == "linux" and _works(in_namespace(nobody)):
        return Identity(uid=uid, become=in_namespace(nobody))
    if uid == 0 and sys.platform == "linux" and _works(as_user(nobody)):
        return Identity(uid=nobody, become=as_user(nobody))
    who = "as root" if uid == 0 else f"as user id {uid}, which has no entry in /etc/passwd"
    raise ConfigurationInvalid(
        f"The embedded PostgreSQL cannot run {who} on this system. Start Bifrost as a normal user, "
        "or set BIFROST_DATABASE_URL to a PostgreSQL of your own."
    )


def in_namespace(uid: int) -> Callable[[], None]:
    """Be `uid` in a user namespace of its own: to everybody else, and on the disk, we stay who we are."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()

    def become() -> None:
        _check(_libc.unshare(CLONE_NEWUSER))
        Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1", encoding="ascii")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{uid} {outer_gid} 1", encoding="ascii")

    return become


def as_user(uid: int) -> Callable[[], None]:
    """Be `uid`, but keep one right of root's: to reach our files.

    The data directory and the program may lie below directories that only root may enter (`/root` in a container).
    Opening those up, or copying the program elsewhere, would change the machine for good; this changes one process.
    """

    def become() -> None:
        _check(_libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        wanted = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
        _check(_libc.capset(header, data))
        _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))

    return become


def give(directory: Path, uid: int) -> None:
    """Make `uid` the owner of everything in `directory`: an earlier start may have run as somebody else."""
    if directory.stat().st_uid == uid:
        return
    for path in [*directory.rglob("*"), directory]:  # the sign that it is done comes last
        os.chown(path, uid, -1, follow_symlinks=False)


def _works(become: Callable[[], None]) -> bool:
    try:
        subprocess.run(["/bin/true"], preexec_fn=become, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


@cache
def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> int:
    """A user with a name, which initdb insists on."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
