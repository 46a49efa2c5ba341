"""The version and edition of the Teleport that the document is for."""

from __future__ import annotations

import re

from teleport_bootstrap import errors, records, regex
from teleport_bootstrap.plan import teleport_versions
from teleport_bootstrap.records import dataclass

COMMUNITY = "community"
ENTERPRISE = "enterprise"

_VERSION = regex.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})((?:[-+][0-9A-Za-z.+-]*)?)", re.ASCII)
_ANSWER = regex.compile(
    r"Teleport (?P<enterprise>Enterprise )?(?P<version>v?\d{1,9}\.\d{1,9}\.\d{1,9}(?:[-+][0-9A-Za-z.+-]*?)?)"
    r"(?= ?git:|\s|$)(?P<rest>.*)",
    re.ASCII,
)


@dataclass(frozen=True)
class TeleportBuild:
    """A Teleport build: its version, its edition (None where it is unknown), and whether it is a FIPS build.

    `assumed` is true where no Teleport is installed: the document then uses the keys of the newest known version.
    `is_fips_unknown` is true where nothing says whether it is a FIPS build, and `fips` is only assumed.
    """

    major: int
    minor: int
    patch: int
    edition: str | None = None
    fips: bool = False
    assumed: bool = False
    is_fips_unknown: bool = False

    @property
    def version(self) -> str:
        """The version, such as 17.5.1."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def number(self) -> teleport_versions.Version:
        """The version as numbers, which can be compared."""
        return (self.major, self.minor, self.patch)

    @property
    def says_whether_fips(self) -> bool:
        """Whether `teleport version` shows a FIPS build of this version by its toolchain.

        From 19 on Go's own module replaces BoringCrypto, which leaves no trace there.
        """
        return self.major < 19

    @property
    def takes_license(self) -> bool:
        """Whether it reads a license: the community edition ignores `license_file`, also where the file is missing."""
        return self.edition != COMMUNITY

    @property
    def takes_second_factor_list(self) -> bool:
        """Whether the key is `second_factors` (Teleport 17), or still `second_factor`."""
        return self.major >= 17

    @property
    def takes_proxy_protocol(self) -> bool:
        """Whether `proxy_protocol` means what TELEPORT_PROXY_PROTOCOL says.

        Older ones accept the header with `on`, do not require it, and know no value between the two.
        """
        return (self.major, self.minor) >= (13, 3)

    @property
    def takes_athena(self) -> bool:
        """Whether Athena can hold the audit log, and auth_service has the key `access_monitoring`."""
        return self.major >= 14

    @property
    def takes_bound_keypair(self) -> bool:
        """Whether a host can join by bound_keypair, which older versions know for bots only."""
        return self.assumed or (self.major, self.minor) >= (18, 7)

    @property
    def takes_trust_x_forwarded_for(self) -> bool:
        """Whether proxy_service has the key `trust_x_forwarded_for`; an older Teleport would not start with it."""
        return self.major >= 14

    @property
    def checks_other_items(self) -> bool:
        """Whether its transactions on DynamoDB check items that they do not write."""
        return self.major >= 16

    @property
    def reads_retention(self) -> bool:
        """Whether it asks S3 for the retention of a recording, as its page on S3 lists since 17."""
        return self.major >= 17


# Used where the version is unknown.
NEWEST = TeleportBuild(teleport_versions.NEWEST_CHECKED, 0, 0)
ASSUMED = records.replace(NEWEST, assumed=True)


def of_version(version: str, *, fips: bool, edition: str | None = None) -> TeleportBuild:
    """Return the build for a version such as 17.5.1, v17.5.1 or 18.0.0-alpha.1. Raises UsageError for other text."""
    match = _VERSION.fullmatch(version.strip())
    if not match:
        raise errors.UsageError(
            f"not a Teleport version: {version!r}",
            hint="Write major.minor.patch, for example --teleport-version 17.5.1.",
        )
    return TeleportBuild(int(match[1]), int(match[2]), int(match[3]), edition=edition, fips=fips)


def parse_output(text: str) -> TeleportBuild | None:
    """Return the build that `teleport version` printed, None where `text` is other output.

    The forms: `Teleport v17.5.1 git:v17.5.1-0-gabcdef go1.23.4`, `Teleport Enterprise v17…` (older ones without a
    space before `git:`), and on a FIPS build a Go toolchain with BoringCrypto (`go1.23.4 X:boringcrypto`,
    go1.18.3b7 in older ones).
    """
    for line in text.splitlines():
        match = _ANSWER.match(line.strip())
        if match is None:
            continue
        toolchain = match["rest"].split()
        fips = any("boringcrypto" in word or re.fullmatch(r"go[\d.]+b\d+", word) for word in toolchain)
        edition = ENTERPRISE if match["enterprise"] else COMMUNITY
        return of_version(match["version"], fips=fips, edition=edition)
    return None
