"""Connections to the metadata service that this host itself refuses: the reasons, and what to do about each.

Waiting mends none of those that `ends` says; the others may pass while a network comes up.
"""

from __future__ import annotations

import errno

from teleport_bootstrap.records import dataclass

# Cause, context, reason and arguments of an exception may each hold the error of the kernel.
_DEEPEST = 12


@dataclass(frozen=True)
class Refusal:
    """`what` says why, with the name of the error; `remedy` may name {host}, the address that was to be reached."""

    what: str
    remedy: str
    ends: bool = False


_ROUTES = "See `ip route get {host}`"

_BY_ERROR = {
    errno.EACCES: Refusal(
        "permission denied (EACCES), as by a route of the kind `prohibit`",
        f"{_ROUTES}. systemd 261 and newer set such a route for systemd.imds.network=locked, which is their default "
        "where they use the service themselves: put systemd.imds.network=unlocked on the kernel command line, and boot "
        "again.",
        ends=True,
    ),
    errno.EPERM: Refusal(
        "operation not permitted (EPERM), as by a filter for packets or for system calls",
        "See `nft list ruleset` or `iptables -S OUTPUT`, and in the unit that ran this command IPAddressDeny= and "
        "SystemCallFilter=.",
        ends=True,
    ),
    errno.EINVAL: Refusal(
        "invalid argument (EINVAL), as by a route of the kind `blackhole`", f"{_ROUTES}, and remove it.", ends=True
    ),
    errno.ENETUNREACH: Refusal(
        "network is unreachable (ENETUNREACH): there is no route",
        f"{_ROUTES} and `ip -brief address`: the network may be down, or kept from this command (PrivateNetwork=).",
    ),
    errno.EHOSTUNREACH: Refusal(
        "no route to host (EHOSTUNREACH): nothing has that address in this network, or a firewall prohibits it",
        f"{_ROUTES}, and the rules that reject packets in `nft list ruleset` or `iptables -S`.",
    ),
    errno.EAFNOSUPPORT: Refusal(
        "addresses of this kind are not supported (EAFNOSUPPORT)",
        "In the unit that ran this command, RestrictAddressFamilies= must have AF_INET and AF_INET6.",
    ),
    errno.EADDRNOTAVAIL: Refusal(
        "this host has no address of this kind (EADDRNOTAVAIL)", "See `ip -brief address`: the network may be down."
    ),
}


def find(error: BaseException) -> Refusal | None:
    """Return why this host refused the connection that failed with `error`; None where it did not."""
    for each in _within(error, _DEEPEST):
        if isinstance(each, OSError) and each.errno in _BY_ERROR:
            return _BY_ERROR[each.errno]
    return None


def _within(error: BaseException, depth: int) -> list[BaseException]:
    """Return `error` and the errors in it, the outermost first; libraries keep that of the kernel in various places."""
    if depth == 0:
        return []
    inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    found = [each for each in inner if isinstance(each, BaseException) and each is not error]
    return [error, *(below for each in dict.fromkeys(found) for below in _within(each, depth - 1))]
