"""The packages as files: their content and owners, and that each build of a commit gives the same bytes.

That they work is shown by tests/boot.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from teleport_bootstrap import unit_table
from tests import packages
from tests.packages import CHECKOUT, NAME

LIBRARY = f"/usr/share/{NAME}"

# Where a package has what the other one has not, or has it elsewhere.
ONLY_DEB = {
    f"/usr/share/doc/{NAME}/changelog.Debian.gz",
    f"/usr/share/doc/{NAME}/copyright",
    f"/usr/share/lintian/overrides/{NAME}",
    f"/usr/share/python3/runtime.d/{NAME}.rtupdate",
    f"/usr/share/zsh/vendor-completions/_{NAME}",
}
ONLY_RPM = {f"/usr/share/licenses/{NAME}/LICENSE", f"/usr/share/zsh/site-functions/_{NAME}"}
SUDOERS = f"/etc/sudoers.d/10-{NAME}"

# Everything else is 0644, a directory 0755.
MODES = {
    f"/usr/bin/{NAME}": 0o755,
    f"/usr/share/python3/runtime.d/{NAME}.rtupdate": 0o755,
    SUDOERS: 0o440,
    "/etc/sudoers.d": 0o750,
    "/var/lib/teleport-bootstrap": 0o700,
}

pytestmark = [
    pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")
    for program in ("dpkg-deb", "git", "rpmbuild")
]


@dataclass(frozen=True)
class Installed:
    """A file that a package installs; `content` is None for a directory."""

    mode: int
    owner: str
    group: str
    content: bytes | None
    time: int


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.copy_of_checkout(tmp_path_factory.mktemp("checkout") / "here")


@pytest.fixture(scope="module")
def built(copy: Path) -> packages.Built:
    found = packages.build(copy, copy.parent / "out")
    assert found.status == 0, found.said
    return found


@pytest.fixture(scope="module")
def deb(built: packages.Built) -> dict[str, Installed]:
    """Everything in the DEB, by its path."""
    assert built.deb is not None
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", built.deb], check=True, capture_output=True).stdout
    found = {}
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            path = "/" + member.name.lstrip("./")
            content = None if file is None else file.read()
            found[path] = Installed(member.mode, member.uname, member.gname, content, int(member.mtime))
    return found


@pytest.fixture(scope="module")
def rpm(built: packages.Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Installed]:
    """Everything in the RPM, by its path, except files that are created during installation."""
    assert built.rpm is not None
    tree = tmp_path_factory.mktemp("rpm")
    with (tree / "cpio").open("wb") as archive:
        subprocess.run(["rpm2cpio", built.rpm], check=True, stdout=archive)
    unpacked = tree / "root"
    unpacked.mkdir()
    with (tree / "cpio").open("rb") as archive:
        subprocess.run(["cpio", "--quiet", "-idm", "--no-absolute-filenames"], cwd=unpacked, stdin=archive, check=True)
    found = {}
    for line in _query(
        built.rpm, r"[%{FILENAMES}\t%{FILEMODES}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t%{FILEMTIMES}\t%{FILEFLAGS}\n]"
    ).splitlines():
        path, mode, owner, group, time, flags = line.split("\t")
        if int(flags) & 64:  # %ghost
            continue
        file = unpacked / path.lstrip("/")
        content = file.read_bytes() if file.is_file() else None
        found[path] = Installed(stat.S_IMODE(int(mode)), owner, group, content, int(time))
    return found


def _query(package: Path, what: str) -> str:
    return _rpm("-qp", "--qf", what, package)


def _rpm(*arguments: str | Path) -> str:
    with tempfile.TemporaryDirectory() as home:  # where it makes a database, even to look into a file
        command = ["rpm", *map(str, arguments)]
        environment = {**packages.PLAIN, "HOME": home}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def _files(found: dict[str, Installed]) -> set[str]:
    return {path for path, entry in found.items() if entry.content is not None}


def _project() -> list[str]:
    """Return the paths of the project's files that belong on an instance, which builds no manual pages."""
    found = [path for path in (CHECKOUT / "teleport_bootstrap").rglob("*") if path.is_file()]
    found = [path for path in found if not {"__pycache__", "manual"} & set(path.parts)]
    return [str(path.relative_to(CHECKOUT)) for path in found]


# ---- reproducible


def test_each_build_of_a_commit_gives_the_same_bytes(copy: Path, built: packages.Built, tmp_path: Path) -> None:
    """With another path, umask, time zone, locale and home, and another order and other times of files."""
    elsewhere = tmp_path / "another path"
    shutil.copytree(copy, elsewhere)
    for path in sorted(elsewhere.rglob("*"), reverse=True):
        if ".git" not in path.parts:
            os.utime(path, (1, 1))
            path.chmod(path.stat().st_mode & 0o700 | 0o022)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".rpmmacros").write_text("%_buildhost mine\n%packager Me\n%vendor Mine\n%_binary_payload w2.xzdio\n")
    environ = {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE", "HOME": str(home), "USER": "me"}
    environ |= {"SOURCE_DATE_EPOCH": "1", "DEBEMAIL": "me@example.org", "XZ_DEFAULTS": "-0", "COLUMNS": "30"}

    again = packages.build(elsewhere, tmp_path / "out", umask=0o077, **environ)

    assert again.status == 0, again.said
    assert again.deb is not None and again.rpm is not None and built.deb is not None and built.rpm is not None
    assert again.deb.name == built.deb.name
    assert again.rpm.name == built.rpm.name
    assert again.deb.read_bytes() == built.deb.read_bytes()
    assert again.rpm.read_bytes() == built.rpm.read_bytes()


def test_an_archive_of_a_commit_gives_the_same_bytes_as_its_checkout(copy: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", copy, clone], check=True)
    exported = tmp_path / "exported"
    exported.mkdir()
    archive = subprocess.run(["git", "-C", clone, "archive", "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=exported, input=archive, check=True)

    one = packages.build(clone, tmp_path / "out-1")
    other = packages.build(exported, tmp_path / "out-2")

    assert (one.status, other.status) == (0, 0), one.said + other.said
    assert "no commit" not in one.said
    assert one.deb is not None and one.rpm is not None and other.deb is not None and other.rpm is not None
    assert one.deb.read_bytes() == other.deb.read_bytes()
    assert one.rpm.read_bytes() == other.rpm.read_bytes()


def test_uncommitted_changes_are_packaged_with_a_warning(copy: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(copy, changed)
    (changed / "teleport_bootstrap/brand_new.py").write_text('"""A new module."""\n')
    (changed / "systemd/teleport-brand-new.timer").write_text("[Timer]\n\n[Install]\nWantedBy=timers.target\n")

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{NAME}_0.0.1-1_all.deb").touch()

    built = packages.build(changed, tmp_path / "out", "deb")

    assert built.status == 0, built.said
    assert len(list((tmp_path / "out").iterdir())) == 1, "an earlier package must not be left next to it"
    assert "with uncommitted changes" in built.said
    assert built.deb is not None
    assert built.rpm is None, "only the DEB was asked for"
    listed = subprocess.run(["dpkg-deb", "-c", built.deb], check=True, capture_output=True, text=True).stdout
    assert f".{LIBRARY}/teleport_bootstrap/brand_new.py" in listed
    assert "./usr/lib/systemd/system/teleport-brand-new.timer" in listed
    control = tmp_path / "control"
    subprocess.run(["dpkg-deb", "-e", built.deb, control], check=True)
    assert "teleport-brand-new.timer" in (control / "prerm").read_text(), "what can be enabled has to be disabled"


def test_a_missing_file_fails_the_build(copy: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking"
    shutil.copytree(copy, lacking)
    (lacking / "packaging/sysusers.conf").unlink()

    built = packages.build(lacking, tmp_path / "out")

    assert built.status == 1
    assert "packaging/sysusers.conf, which the packages have to contain, is missing" in built.said
    assert (built.deb, built.rpm) == (None, None)


def test_issue_17_row_7_no_byte_depends_on_the_version_of_python_or_rpm(
    built: packages.Built, deb: dict[str, Installed]
) -> None:
    """`./dev package-matrix` compares the packages of four releases; this is what kept them apart."""
    packed = {path: entry.content for path, entry in deb.items() if path.endswith(".gz")}
    assert packed
    for path, content in packed.items():
        assert content is not None
        # Deflate, no flags and no time, best compression, Unix: Python's own differs by its version.
        assert (path, content[:10].hex()) == (path, "1f8b0800000000000203")
        assert gzip.decompress(content)

    assert built.rpm is not None
    tags = ("PLATFORM", "PAYLOADCOMPRESSOR", "PAYLOADFLAGS", "PAYLOADFORMAT", "FILEDIGESTALGO", "ENCODING", "BUILDHOST")
    said = _query(built.rpm, "\\n".join(f"%{{{tag}}}" for tag in tags))
    assert said.split("\n") == ["noarch-linux", "gzip", "9", "cpio", "8", "utf-8", "localhost"]
    # Format 4 says so in its lead; rpm 6 would write 4 there, and its own format.
    assert built.rpm.read_bytes()[:6] == b"\xed\xab\xee\xdb\x03\x00"


def test_without_history_the_time_must_be_set(copy: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(copy, bare, ignore=shutil.ignore_patterns(".git"))

    refused = packages.build(bare, tmp_path / "out-1", "deb")
    accepted = packages.build(bare, tmp_path / "out-2", "deb", SOURCE_DATE_EPOCH="1700000000")

    assert refused.status == 1
    assert "SOURCE_DATE_EPOCH" in refused.said
    assert accepted.status == 0, accepted.said


# ---- content


def test_every_file_has_its_owner_and_mode(deb: dict[str, Installed], rpm: dict[str, Installed]) -> None:
    for found in (deb, rpm):
        for path, entry in found.items():
            plain = 0o755 if entry.content is None else 0o644
            assert (path, oct(entry.mode)) == (path, oct(MODES.get(path, plain)))
            assert (path, entry.owner, entry.group) == (path, "root", "root")
    assert len({entry.time for entry in [*deb.values(), *rpm.values()]}) == 1, "all as old as the commit"


def test_every_module_unit_and_document_is_in_both(deb: dict[str, Installed], rpm: dict[str, Installed]) -> None:
    modules = {f"{LIBRARY}/{path}" for path in _project()}
    assert not [path for path in (*deb, *rpm) if path.startswith(f"{LIBRARY}/teleport_bootstrap/manual")]
    units = {f"/usr/lib/systemd/system/{path.name}" for path in (CHECKOUT / "systemd").iterdir()}
    units -= {
        "/usr/lib/systemd/system/teleport.service",
        "/usr/lib/systemd/system/50-teleport-bootstrap.preset",
    }
    units |= {"/etc/systemd/system/teleport.service", "/usr/lib/systemd/system-preset/50-teleport-bootstrap.preset"}
    documents = {f"/usr/share/doc/{NAME}/docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")}
    documents |= {
        f"/usr/share/doc/{NAME}/packaging/{name}"
        for name in (
            *("cloudformation/starter.yaml", "cloudformation/ha.yaml", "terraform/README.md", "terraform/ha/main.tf"),
            *("ssm/doctor.yaml", "monitoring/alerts.yml", "monitoring/alerts-test.yml", "monitoring/dashboard.json"),
        )
    }
    others = {
        f"/usr/bin/{NAME}",
        f"/usr/lib/sysusers.d/{NAME}.conf",
        f"/usr/lib/tmpfiles.d/{NAME}.conf",
        *(f"/usr/lib/systemd/system/{unit}.d/{unit_table.HOLDS_UPDATER}" for unit in unit_table.UPDATERS_UNITS),
        f"/usr/share/doc/{NAME}/README.md",
        f"/usr/share/doc/{NAME}/CHANGELOG.md",
        f"/usr/share/doc/{NAME}/examples/conf",
        f"/usr/share/doc/{NAME}/examples/facts.yaml",
        f"/usr/share/man/man8/{NAME}.8.gz",
        f"/usr/share/man/man5/{NAME}.conf.5.gz",
        f"/usr/share/bash-completion/completions/{NAME}",
        f"/usr/share/fish/vendor_completions.d/{NAME}.fish",
    }
    for found in (deb, rpm):
        assert modules | units | documents | others <= _files(found)
        assert {"/etc/teleport.d", "/var/lib/teleport-bootstrap"} <= set(found) - _files(found)


def test_both_packages_install_the_same(deb: dict[str, Installed], rpm: dict[str, Installed]) -> None:
    assert _files(deb) - _files(rpm) == ONLY_DEB
    assert _files(rpm) - _files(deb) == ONLY_RPM
    for path in _files(deb) & _files(rpm) - {SUDOERS}:
        assert (path, deb[path]) == (path, rpm[path])
    zsh = "/usr/share/zsh/{}/_" + NAME
    assert deb[zsh.format("vendor-completions")].content == rpm[zsh.format("site-functions")].content


def test_packages_do_not_reveal_where_and_by_whom_they_were_built(
    deb: dict[str, Installed], rpm: dict[str, Installed], copy: Path, built: packages.Built
) -> None:
    assert built.rpm is not None
    header = _query(built.rpm, "%{BUILDHOST} %{PACKAGER} %{VENDOR}")
    assert header == "localhost (none) (none)"
    for found in (deb, rpm):
        for path, entry in found.items():
            assert str(copy).encode() not in (entry.content or b""), path


def test_bytecode_belongs_to_the_rpm(built: packages.Built) -> None:
    """Python writes it when the package is installed, and a removal has to delete it."""
    assert built.rpm is not None
    listed = set(_rpm("-qpl", built.rpm).split())
    for path in _project():
        if path.endswith(".py"):
            module = Path(f"{LIBRARY}/{path}")
            assert f"{module.parent}/__pycache__/{module.stem}.cpython-39.pyc" in listed


def test_the_example_conf_is_valid(deb: dict[str, Installed], tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.write_bytes(deb[f"/usr/share/doc/{NAME}/examples/conf"].content or b"")
    done = subprocess.run(
        [sys.executable, "-m", "teleport_bootstrap", "validate", str(conf)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_preset_enables_the_generator_only_and_names_every_unit_that_can_be_enabled() -> None:
    text = (CHECKOUT / "systemd/50-teleport-bootstrap.preset").read_text()
    said = dict(line.split()[::-1] for line in text.splitlines() if line and not line.startswith("#"))
    units = [path for path in (CHECKOUT / "systemd").iterdir() if path.suffix != ".preset"]
    can_be_enabled = {path.name for path in units if "\n[Install]" in path.read_text()}
    assert set(said) == can_be_enabled
    assert [unit for unit, verb in said.items() if verb == "enable"] == ["teleport-generate-config.service"]


# ---- what sudo makes of it


@pytest.mark.skipif(shutil.which("visudo") is None, reason="sudo is not installed")
@pytest.mark.parametrize(
    ("form", "distribution"),
    [
        ("deb", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("rpm", "/sbin:/bin:/usr/sbin:/usr/bin"),
    ],
)
def test_sudo_finds_teleport_and_everything_that_it_found_before(
    form: str, distribution: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    content = request.getfixturevalue(form)[SUDOERS].content.decode()
    file = tmp_path / "sudoers"
    file.write_text(content)
    file.chmod(0o440)
    done = subprocess.run(["visudo", "-c", "-s", "-f", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    found = re.search(r'^Defaults secure_path = "(.*)"$', content, re.MULTILINE)
    assert found is not None
    assert found[1].startswith(distribution), "in the distribution's order, so that no other program is found"
    assert {"/usr/local/bin", "/usr/bin", "/opt/teleport/system/bin"} <= set(found[1].split(":"))
    settings = [line for line in content.splitlines() if line and not line.startswith("#")]
    assert len(settings) == 1, "it grants no rights"


# ---- what it stands on

# Every program that the code or a unit runs, the package that brings it: Debian's, Amazon Linux's; none for what an
# installation of either always has.
PROGRAMS = {
    "certbot": ("certbot", "certbot"),
    "cloud-init": ("cloud-init", "cloud-init"),
    "env": None,
    "flock": None,
    "install": None,
    "journalctl": ("systemd", "systemd"),
    "openssl": ("openssl", "openssl"),
    "pkill": ("procps", "procps-ng"),
    "sh": None,
    "sync": None,
    "systemctl": ("systemd", "systemd"),
    "systemd-run": ("systemd", "systemd"),
    "timedatectl": ("systemd", "systemd"),
    "zstd": ("zstd", "zstd"),
}


def test_every_program_that_the_code_runs_is_in_a_named_package(built: packages.Built) -> None:
    assert built.deb is not None and built.rpm is not None
    control = subprocess.run(["dpkg-deb", "-f", built.deb], check=True, capture_output=True, text=True).stdout
    needed = _query(built.rpm, "[%{REQUIRES} ][%{RECOMMENDS} ][%{SUGGESTS} ]").split()
    for debian, amazon in filter(None, PROGRAMS.values()):
        assert re.search(rf"^(Depends|Suggests):.*\b{re.escape(debian)}\b", control, re.MULTILINE), debian
        assert amazon in needed


def test_the_code_runs_only_listed_programs() -> None:
    known = {*PROGRAMS, "teleport", "tctl", "teleport-bootstrap"}
    text = "\n".join(path.read_text() for path in (CHECKOUT / "teleport_bootstrap").rglob("*.py"))
    started = re.findall(r"\b(?:run|Popen|execvp|which)\(\s*\[?\s*\"([a-z][a-z0-9_.-]*)\"", text)
    started += re.findall(r"^\s*(?:command|argv) = \[\"([a-z][a-z0-9_.-]*)\"", text, re.MULTILINE)
    started += re.findall(r"^\s+\[\"([a-z][a-z0-9_.-]*)\", \"-", text, re.MULTILINE)
    units = "\n".join(path.read_text() for path in (CHECKOUT / "systemd").glob("*.service"))
    started += [
        Path(program).name
        for program in re.findall(r"^Exec\w+=[-+!@:]*(\S+)|(?<=exec )(\S+)", units, re.MULTILINE)
        for program in program
        if program
    ]
    assert {"systemctl", "openssl", "pkill", "journalctl"} <= set(started), "the search finds what is known to be run"
    assert set(started) - known == set()


def test_the_packages_require_only_what_the_distributions_have(built: packages.Built) -> None:
    """The distribution's own Python and libraries; botocore, for S3 alone, is recommended, and boto3 is not used."""
    assert built.rpm is not None and built.deb is not None
    requires = set(_query(built.rpm, r"[%{REQUIRES}\n]").split())
    assert {"python3", "python3-jinja2", "python3-pyyaml", "python3-requests"} <= requires
    assert not {"python3-boto3", "python3-botocore", "python3-systemd"} & requires
    assert "python3-botocore" in _query(built.rpm, r"[%{RECOMMENDS}\n]").split()
    assert _query(built.rpm, "%{ARCH}") == "noarch"
    control = subprocess.run(["dpkg-deb", "-f", built.deb], check=True, capture_output=True, text=True).stdout
    assert "\nArchitecture: all\n" in control
    assert "boto3" not in control
    assert "\nRecommends: python3-botocore (>= 1.20)\n" in control, "apt would want to download more"


# ---- what the distributions' own judges say


# ---- Amazon Linux, as far as can be seen without its image

AMAZON_LINUX = CHECKOUT / "packaging/rpm/amazon-linux-2023.tsv"
# What an unverified version is taken for: the lower bound of `packaging/rpm.py`.
_UNVERIFIED = {"bash": "5", "python3-pyyaml": "5.3"}


def _amazon_linux() -> dict[str, str]:
    rows = [line.split("\t") for line in AMAZON_LINUX.read_text().splitlines() if not line.startswith("#")]
    assert all(len(row) == 4 for row in rows), "name, version, source, date"
    unverified = {name for name, version, *_ in rows if version == "-"}
    assert unverified == set(_UNVERIFIED), "the versions that are not verified"
    return {name: _UNVERIFIED.get(name, version) for name, version, *_ in rows}


def _database(tmp_path: Path, listed: dict[str, str]) -> Path:
    """Return a root whose database of rpm has packages of these names and versions, without files."""
    lines = ["Name: amazon-linux", "Version: 2023", "Release: 1", "Summary: -", "License: -", "BuildArch: noarch"]
    lines += ["%description", "-"]
    for name, whole in listed.items():
        version, _, release = whole.partition("-")
        lines += [f"%package -n {name}", f"Version: {version}", f"Release: {release.replace('-', '_') or 1}"]
        lines += ["Summary: -", *(["Provides: /bin/sh"] if name == "bash" else [])]
        lines += [f"%description -n {name}", "-", f"%files -n {name}"]
    spec = tmp_path / "amazon-linux.spec"
    spec.write_text("\n".join(lines) + "\n")
    environment = {**packages.PLAIN, "HOME": str(tmp_path)}
    build = ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {tmp_path}", "--define", "_rpmdir %{_topdir}/built"]
    subprocess.run([*build, spec], check=True, capture_output=True, env=environment)
    root = tmp_path / "root"
    root.mkdir()
    made = sorted((tmp_path / "built").rglob("*.rpm"))
    assert len(made) == len(listed)
    subprocess.run(
        [*_rpm_in(root), "--justdb", "-i", *map(str, made)], check=True, capture_output=True, env=environment
    )
    return root


def _rpm_in(root: Path) -> list[str]:
    # Debian's rpm has its database in the home directory.
    return ["rpm", "--root", str(root), "--dbpath", "/var/lib/rpm", "--nosignature"]


def _tried(root: Path, package: Path) -> subprocess.CompletedProcess[str]:
    """Return what rpm says of an installation, without carrying it out."""
    environment = {**packages.PLAIN, "HOME": str(root)}
    return subprocess.run(
        [*_rpm_in(root), "-i", "--test", str(package)], check=False, capture_output=True, text=True, env=environment
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can use another root directory of rpm")
def test_issue_17_point_3_amazon_linux_has_all_that_the_rpm_requires(built: packages.Built, tmp_path: Path) -> None:
    assert built.rpm is not None
    listed = _amazon_linux()

    done = _tried(_database(tmp_path, listed), built.rpm)

    assert done.returncode == 0, done.stderr
    recommended = _rpm("-qp", "--recommends", str(built.rpm)).splitlines()
    assert {line.split()[0] for line in recommended} <= set(listed), "what is recommended is to be had, too"
    assert listed["rpm"].startswith("4.16"), "which installs format 4 only"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can use another root directory of rpm")
@pytest.mark.parametrize(("name", "version"), [("python3-jinja2", None), ("systemd", "239-1"), ("python3", "3.6.8-1")])
def test_issue_17_point_3_rpm_refuses_an_older_distribution(
    built: packages.Built, tmp_path: Path, name: str, version: str | None
) -> None:
    assert built.rpm is not None
    listed = {**_amazon_linux(), name: version}
    done = _tried(_database(tmp_path, {key: value for key, value in listed.items() if value is not None}), built.rpm)
    assert done.returncode != 0
    missing = {line.split()[0] for line in done.stderr.splitlines() if " is needed by " in line}
    assert missing == {name}, done.stderr


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_has_only_explained_warnings(built: packages.Built, tmp_path: Path) -> None:
    # Of what another release of lintian finds besides, only errors count: its list of complaints is another one.
    known = "2.116." in _version("lintian")
    levels = ["--display-info", "--pedantic", "--fail-on=error,warning,info,pedantic"]
    # A remark of this release alone, for a package that needs systemd. Newer ones call an override of it an error.
    levels += ["--suppress-tags", "package-supports-alternative-init-but-no-init.d-script"]
    done = subprocess.run(
        ["lintian", "--allow-root", *(levels if known else ["--fail-on=error"]), built.deb],
        capture_output=True,
        text=True,
        check=False,
        env={**packages.PLAIN, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not known or done.stdout == ""
    _assert_each_is_explained(CHECKOUT / "packaging/deb/lintian-overrides", re.compile(rf"^{NAME}: "))


@pytest.mark.skipif(shutil.which("rpmlint") is None, reason="rpmlint is not installed")
def test_rpmlint_has_only_explained_warnings(built: packages.Built, tmp_path: Path) -> None:
    rules = CHECKOUT / "packaging/rpm/rpmlint.toml"
    strict = ["--strict"] if _version("rpmlint") == "2.4.0" else []
    done = subprocess.run(
        ["rpmlint", *strict, "-c", rules, built.rpm],
        capture_output=True,
        text=True,
        check=False,
        env={**packages.PLAIN, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _assert_each_is_explained(rules, re.compile(r"^    \""))


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, env=packages.PLAIN)
    return done.stdout.strip()


def _assert_each_is_explained(file: Path, exception: re.Pattern[str]) -> None:
    """Each exception, or its group, has a comment above it."""
    explained = False
    for line in file.read_text().splitlines():
        if exception.match(line):
            assert explained, f"{file.name}: nothing says why: {line}"
        else:
            explained = line.lstrip().startswith("#")
