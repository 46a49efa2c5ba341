"""Whether the kernel has random numbers for keys. (random(4), random(7); the kernel's changes of 5.6 and 5.18.)"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.doctor.check import HOST, Check
from teleport_bootstrap.doctor.local import kernel_files
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding

_RELEASE = regex.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
# Since then nothing waits for entropy any more, once the kernel has its first random numbers, which is during the boot.
_NEVER_WAITS = (5, 6)
_LOW_BITS = 128


def _run(subject: Subject) -> Iterator[Finding]:
    release = kernel_files.required(subject.root, "/proc/sys/kernel/osrelease").strip()
    found = _RELEASE.match(release)
    available = (kernel_files.text(subject.root, "/proc/sys/kernel/random/entropy_avail") or "").strip()
    if found and (int(found[1]), int(found[2])) >= _NEVER_WAITS:
        yield Finding(NOTE, "entropy", "", f"Linux {release} does not run out of random numbers")
    elif available.isdecimal() and int(available) < _LOW_BITS:
        message = f"Linux {release} has {available} bits of entropy left, and keys may have to wait for more"
        remedy = "install a source of it: `apt-get install rng-tools5`, or `dnf install rng-tools`"
        yield Finding(WARNING, "entropy-low", "", message, remedy)
    else:
        yield Finding(NOTE, "entropy", "", f"Linux {release} has {available or 'enough'} bits of entropy")


CHECK = Check("entropy", HOST, "the random numbers of the kernel", _run, needs_network=False)
