"""On a laptop and in CI: the wheel, the commands of docs/ci.md with it, the pre-commit hook, and the pipelines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

from tests import documents, wheel
from tests.documents import CHECKOUT
from tests.simulated.test_documents import conf_of

PAGE = "docs/ci.md"
VERSION = re.compile(r"@?v(\d+\.\d+\.\d+)\b")

# Downloads nothing: what would be installed is there already. It takes what the real one takes for an installation.
PIPX = """\
#!/bin/sh
[ $# -eq 2 ] && [ "$1" = install ] || exit 64
echo "$2" >>"$NOTES"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the programs of an environment with nothing but the wheel and the libraries that it names."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    options = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    # What pip is warned of is its own affair: see `./dev test newest`.
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    pip = [str(place / "bin/python"), "-m", "pip", "install", *options, str(built)]
    subprocess.run(pip, check=True, env=quiet)
    # The libraries are those of the tests; the checkout is not among them.
    libraries = next(place.glob("lib/python*/site-packages"))
    # A virtual environment may have them from the distribution.
    folders = (sysconfig.get_path("purelib"), str(Path(yaml.__file__).parents[1]))
    (libraries / "tests.pth").write_text("\n".join(dict.fromkeys(folders)))
    return place / "bin"


@pytest.fixture
def laptop(tmp_path: Path, installed: Path) -> dict[str, str]:
    """A repository with confs, in tmp_path; the environment to run commands in it."""
    (tmp_path / "confs").mkdir()
    for name in ("auth", "proxy"):
        conf = conf_of(documents.block("docs/guide.md", "user-data", name), tmp_path)
        (tmp_path / "confs" / f"{name}.conf").write_text(conf)
    (tmp_path / "facts.yaml").write_text(documents.block(PAGE, "checked", "facts").text)
    stand_in = tmp_path / "bin" / "pipx"
    stand_in.parent.mkdir()
    for name in ("pipx", "pip", "apt-get"):
        (stand_in.parent / name).write_text(PIPX if name != "apt-get" else "#!/bin/sh\n")
        (stand_in.parent / name).chmod(0o755)
    return {
        "PATH": f"{tmp_path}/bin:{installed}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "NOTES": str(tmp_path / "notes"),
    }


def run(text: str, laptop: dict[str, str], *, status: int = 0, shell: str = "bash") -> str:
    done = subprocess.run(
        [shell, "-ec", text], cwd=laptop["HOME"], env=laptop, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_issue_15_point_7_the_wheel_has_everything_and_needs_no_compiler(built: Path) -> None:
    with zipfile.ZipFile(built) as file:
        names = set(file.namelist())
        metadata = file.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    package = CHECKOUT / "teleport_bootstrap"
    ours = {str(path.relative_to(CHECKOUT)) for path in package.rglob("*") if path.suffix in (".py", ".j2", ".json")}
    assert ours <= names
    required = re.findall(r"^Requires-Dist: ([\w-]+)([^;\n]*)$", metadata, re.MULTILINE)
    assert {name for name, _ in required} == {"Jinja2", "PyYAML", "requests"}, "and botocore for S3 alone"
    assert all(">=" in bound for _, bound in required)


def test_issue_15_point_7_the_commands_of_the_page_work_with_the_installed_wheel(laptop: dict[str, str]) -> None:
    assert run("command -v teleport-bootstrap", laptop).strip().endswith("/bin/teleport-bootstrap")
    assert "valid" in run(documents.block(PAGE, "simulated", "check").text, laptop)
    said = run(documents.block(PAGE, "simulated", "render").text, laptop)
    assert "cluster_name: teleport.acmeinc.com" in said
    assert 'advertise_ip: "10.0.0.12"' in said
    run(documents.block(PAGE, "simulated", "install").text, laptop)
    assert Path(laptop["NOTES"]).read_text() == ".\n"


def test_issue_15_point_7_the_example_facts_are_those_of_the_page() -> None:
    block = documents.block(PAGE, "checked", "facts")
    assert (CHECKOUT / "packaging" / "example-facts.yaml").read_text("utf-8") == block.text


def spoil(laptop: dict[str, str]) -> None:
    conf = Path(laptop["HOME"]) / "confs" / "auth.conf"
    conf.write_text(conf.read_text().replace("USE_LETSENCRYPT=false", "USE_LETSENCRYPT=flase"))


def test_issue_15_point_7_the_hook_judges_each_file_that_it_is_given(laptop: dict[str, str]) -> None:
    """As pre-commit calls it: the words of `entry`, then all files."""
    hook, of_user_data = yaml.safe_load((CHECKOUT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (repository,) = yaml.safe_load(documents.block(PAGE, "checked", "pre-commit").text)["repos"]
    assert [each["id"] for each in repository["hooks"]] == [hook["id"], of_user_data["id"]]
    assert re.search(repository["hooks"][0]["files"], "confs/auth.conf")
    call = f"{hook['entry']} confs/proxy.conf confs/auth.conf confs/proxy.conf"
    assert run(call, laptop).count("valid") == 3
    spoil(laptop)
    said = run(call, laptop, status=1)
    assert "confs/auth.conf:" in said and said.count(": valid") == 2, "the last file is judged too"


def test_issue_19_point_5_the_hook_judges_each_user_data(laptop: dict[str, str]) -> None:
    """As the one for confs, with the conf inside a script."""
    _, hook = yaml.safe_load((CHECKOUT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    home = Path(laptop["HOME"])
    (home / "user-data").mkdir()
    conf = (home / "confs" / "auth.conf").read_text()
    for name, content in (("good", conf), ("bad", conf.replace("USE_LETSENCRYPT=false", "USE_LETSENCRYPT=flase"))):
        script = f"#!/bin/bash\ncat > /etc/teleport.d/conf <<'EOF'\n{content}EOF\n"
        (home / "user-data" / f"{name}.sh").write_text(script)
    assert run(f"{hook['entry']} user-data/good.sh", laptop).count(": valid") == 1
    said = run(f"{hook['entry']} user-data/bad.sh user-data/good.sh", laptop, status=1)
    assert "user-data/bad.sh:" in said and said.count(": valid") == 1


def steps() -> dict[str, list[str]]:
    """The commands of the pipelines."""
    (job,) = yaml.safe_load(documents.block(PAGE, "checked", "github").text)["jobs"].values()
    (other,) = yaml.safe_load(documents.block(PAGE, "checked", "gitlab").text).values()
    return {
        "github": [step["run"] for step in job["steps"] if "run" in step],
        "gitlab": [*other["before_script"], *other["script"]],
    }


@pytest.mark.parametrize("pipeline", ["github", "gitlab"])
def test_issue_15_point_7_the_pipelines_fail_for_an_invalid_conf_only(laptop: dict[str, str], pipeline: str) -> None:
    text = "\n".join(steps()[pipeline])
    shell = "bash" if pipeline == "github" else "sh"
    assert run(text, laptop, shell=shell).count(": valid") == 2
    assert "git+https://" in Path(laptop["NOTES"]).read_text()
    spoil(laptop)
    assert "confs/auth.conf:" in run(text, laptop, status=1, shell=shell)


def test_issue_19_point_5_the_action_judges_each_file_that_its_patterns_name(laptop: dict[str, str]) -> None:
    action = yaml.safe_load((CHECKOUT / "packaging/github-action/action.yml").read_text("utf-8"))
    install, check = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite" and {install["shell"], check["shell"]} == {"bash"}
    (job,) = yaml.safe_load(documents.block(PAGE, "checked", "action").text)["jobs"].values()
    step = job["steps"][-1]
    assert step["uses"].split("@")[0].endswith("/packaging/github-action")
    assert set(step["with"]) <= set(action["inputs"])
    run(install["run"], {**laptop, "GITHUB_ACTION_PATH": "/action"})
    assert Path(laptop["NOTES"]).read_text() == "/action/../..\n"

    home = Path(laptop["HOME"])
    (home / "user-data" / "eu").mkdir(parents=True)
    script = f"#!/bin/bash\ncat > /etc/teleport.d/conf <<'EOF'\n{(home / 'confs' / 'auth.conf').read_text()}EOF\n"
    (home / "user-data" / "eu" / "auth.sh").write_text(script)
    given = {**laptop, "CONFS": step["with"]["confs"], "USER_DATA": step["with"]["user-data"]}
    assert run(check["run"], given).count(": valid") == 3
    (home / "user-data" / "eu" / "auth.sh").write_text(script.replace("USE_LETSENCRYPT=false", "USE_LETSENCRYPT=flase"))
    assert run(check["run"], given, status=1).count(": valid") == 2
    run(check["run"], {**given, "CONFS": "none/*", "USER_DATA": "$(touch /tmp/x) ; `id`"}, status=1)


def test_issue_15_point_7_every_example_names_this_version_and_terraform_writes_the_conf() -> None:
    from teleport_bootstrap import __version__  # noqa: PLC0415

    text = documents.text(PAGE)
    assert set(VERSION.findall(text)) == {__version__}
    block = documents.block(PAGE, "checked", "terraform")
    lines = re.findall(r'^  "(.*)",$', block.text, re.MULTILINE)
    assert lines == ["#!/bin/bash", "cat >/etc/teleport.d/conf <<'EOF'", "EOF"]
    assert 'trimspace(file("confs/auth.conf")),\n  "EOF"' in block.text, "the conf stands before the end"


def test_the_environment_has_no_checkout(installed: Path) -> None:
    """Otherwise the tests above would prove nothing."""
    done = subprocess.run(
        [installed / "python", "-c", "import teleport_bootstrap; print(teleport_bootstrap.__file__)"],
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed.parent) in done.stdout
