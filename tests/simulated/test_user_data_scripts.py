"""`--user-data` reads what shells really write: scripts made at random are run and compared."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from teleport_bootstrap import errors
from teleport_bootstrap.user_data import conf_of

CONF = "/etc/teleport.d/conf"
# How many are tried; more by hand, after a change to how scripts are read.
EXAMPLES = int(os.environ.get("TELEPORT_BOOTSTRAP_SCRIPTS", "150"))

NAMES = st.sampled_from(("A", "B", "C", "NAME"))
VALUES = st.sampled_from(
    (
        *("1", "''", "two", "'two words'", '"two  words"', "'a\"b'", '"it\'s"', "\\$A", '"$A"', "$B", "${A}", "'$A'"),
        *(
            "${A:-d}",
            "${B-e}",
            "${A:+x}",
            "${#A}",
            "${A//1/2}",
            "$(echo x)",
            "`echo y`",
            "$((1+1))",
            "$'t\\tb'",
            "$'q\\'q'",
        ),
        *(
            '$"l"',
            "a\\ b",
            "'*'",
            "*",
            "~",
            "{a,b}",
            "a#b",
            "x\\\\y",
            '"a\\\\b"',
            '"a\\"b"',
            '"$(echo "n n")"',
            "a=b",
            "-n",
        ),
        *(
            "'a\nb'",
            '"c\n$A"',
            "$1",
            "$@",
            "$?",
            "$[1+2]",
            "\"${A:-'q'}\"",
            "'\\n'",
            '"\\n"',
            "a\\\nb",
            "$",
            '"$"',
            "%s",
        ),
    )
)
TARGETS = st.sampled_from((CONF,) * 8 + ("$T", '"$D/conf"', "/etc//teleport.d/conf", "$OTHER", "conf", "/dev/null"))
ARROWS = st.sampled_from((">", ">>", "> ", ">> ", ">|"))


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Return lines of a here-document."""
    lines = draw(
        st.lists(
            st.sampled_from(
                (
                    *(
                        "X=1",
                        "Y=$A",
                        'Z="$A"',
                        "  V=${B}",
                        "\tW='$A'",
                        "# no",
                        "U=$(echo u)",
                        "P=\\$A",
                        "Q='a\\\\b'",
                        "",
                    ),
                    *(
                        "R=a\\",
                        "S=`echo s`",
                        "it's",
                        'K="',
                        "L=${A:-d e}",
                        "M=$((2*3))",
                        "N=\\`id\\`",
                        "O=${C}$",
                        "F=a b",
                    ),
                    *(
                        "G=$'x'",
                        "H=\\\\",
                        "I=$(cat <<Q\nin\nQ\n)",
                        "J=${A:-\nx}",
                        "EOF ",
                        " EOF",
                        "E=$[1+1]",
                        'T="${A}"',
                    ),
                )
            ),
            max_size=4,
        )
    )
    return "".join(f"{each}\n" for each in lines)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, str]:
    """Return the operator with the delimiter of a here-document, and its body."""
    operator = draw(
        st.sampled_from(("<<EOF", "<<'EOF'", '<<"EOF"', "<<\\EOF", "<<-EOF", "<< EOF", "<<-'EOF'", '<<E"O"F'))
    )
    tab = "\t" if "-" in operator and draw(st.booleans()) else ""
    return operator, f"{draw(bodies())}{tab}EOF\n"


@st.composite
def writes(draw: st.DrawFn) -> str:
    """Return a command that writes a file."""
    arrow, target = draw(ARROWS), draw(TARGETS)
    operator, body = draw(documents())
    value, other, name = draw(VALUES), draw(VALUES), draw(NAMES)
    return draw(
        st.sampled_from(
            (
                *(f"cat {arrow}{target} {operator}\n{body}",) * 3,
                *(f"echo {name}={value} {arrow}{target}\n",) * 3,
                f"cat {operator} {arrow}{target}\n{body}",
                f"cat {operator} | tee {target} {arrow}/dev/null\n{body}",
                f"tee -a {target} {operator} > /dev/null\n{body}",
                f"tee $OTHER {target} $OTHER.2 {operator} > /dev/null\n{body}",
                f"echo -n {name}={value} {arrow}{target}\n",
                f'echo -e "{name}=1\\n"{value} {other} {arrow}{target}\n',
                f"printf '%s\\n' {name}={value} {other} {arrow}{target}\n",
                f'printf "{name}=%s\\n" {value} {arrow}{target}\n',
                f"printf {value} {arrow}{target}\n",
                f"echo {value} {arrow}{target} {arrow}$OTHER\n",
                f"echo {value} {arrow}{target} 2>&1\n",
                f"echo {value} {arrow}{target} >&2\n",
                f"echo {value} >&2 {arrow}{target}\n",
                f"echo {value} 2> {target}\n",
                f"cat <<< {value} {arrow}{target}\n",
                f"cat <(echo {value}) {arrow}{target}\n",
                f"echo {value} | sed s/1/2/ {arrow}{target}\n",
                f"echo {value} | cat {arrow}{target}\n",
                f"{name}={value} cat {arrow}{target} {operator}\n{body}",
                f"{arrow}{target} cat {operator}\n{body}",
                f"cat {operator} {operator} {arrow}{target}\n{body}{body}",
                f"cat {operator} > $OTHER\n{body}cp $OTHER {target}\n",
                f"cat {operator} > $OTHER\n{body}mv $OTHER {target}\ncat $OTHER >> {target}\n",
                f"cat {operator} > $OTHER\n{body}cat $OTHER {arrow}{target}\n",
                f"cat $OTHER - {operator} {arrow}{target}\n{body}",
                f"rm -f {target}\n",
                "rm -rf /etc/teleport.d/*\n",
                f"mv {target} $OTHER\n",
                f"cp {target} $OTHER; cat $OTHER {arrow}{target}\n",
                f"sed -i s/1/2/ {target}\n",
                f'eval "echo {name}=1 {arrow}{target}"\n',
                f"eval 'echo \"$A\"' {arrow}{target}\n",
                f"bash -c 'echo {name}=$A {arrow}{target}'\n",
                f'sh -ec "echo {name}=$A {arrow}{target}" x\n',
                f"bash {operator}\necho {name}=2 {arrow}{target}\nEOF\n",
                f"cat > $OTHER {operator}\necho {name}=3 {arrow}{target}\nEOF\nbash $OTHER\n",
                f"cat > $OTHER {operator}\n{name}=4\nEOF\n. $OTHER\n",
                f"(exec > {target}; echo {value})\n",
                f"exec 3> {target}; echo {value} >&3\n",
                f"[ -e {target} ] && echo {value} {arrow}{target}\n",
                f": {arrow}{target}\n",
                f"{arrow}{target}\n",
                f"while read -r L; do echo $L {arrow}{target}; done {operator}\n{body}",
                f"read -r -d '' {name} {operator}\n{body}echo \"${name}\" {arrow}{target}\n",
                f'{name}=$(cat {operator}\n{body})\necho "${name}" {arrow}{target}\n',
                f"for {name} in {value} {other}; do echo ${name} {arrow}{target}; done\n",
                f"select_it() {{ echo {name}=$1 {arrow}{target}; }}; select_it {value}\n",
                f"env A={value} sh -c 'echo $A' {arrow}{target}\n",
                f"{{ echo {value}; echo {other}; }} {arrow}{target}\n",
                f"ln -sf $OTHER {target}; echo {value} > $OTHER\n",
            )
        )
    )


@st.composite
def settings(draw: st.DrawFn) -> str:
    """Return a command that changes what the following ones do."""
    name, value, other = draw(NAMES), draw(VALUES), draw(VALUES)
    return draw(
        st.sampled_from(
            (
                *(f"{name}={value}\n",) * 4,
                f"{name}={value} B={other}\n",
                f"{name}+={value}\n",
                f"export {name}={value}\n",
                f"declare -i {name}=1+2\n",
                f"declare {name}={value}\n",
                f"readonly A={value}\n",
                f"unset {name}\n",
                f"read -r {name} <<< {value}\n",
                f"printf -v {name} %s {value}\n",
                f"{name}=({value} {other})\n",
                f"let {name}=1+1\n",
                f"(({name}=3))\n",
                f"{name}={value} | true\n",
                f"({name}={value})\n",
                f"{name}={value} &\nwait\n",
                f"{name}={value} true\n",
                f"eval {name}=9\n",
                "false && A=5\n",
                "true || A=6\n",
                '[ -n "$A" ] || A=7\n',
                "set -e\n",
                "set -u\n",
                "set -euo pipefail\n",
                "set -- p q\n",
                "set -C\n",
                "set -f\n",
                "IFS=a\n",
                "cd /etc/teleport.d\n",
                "cd /\n",
                "exit 0\n",
                "false\n",
                "! true\n",
                "[ -z x ] && exit 1\n",
                "false || exit 0\n",
                "alias cat=true\n",
                "shopt -s expand_aliases; alias cat='echo z'\n",
                f"trap 'echo T=1 >> {CONF}' EXIT\n",
                f"# cat > {CONF} <<EOF\n",
                "# goes on \\\n",
                'echo "a" # it\'s\n',
                "mkdir -p /etc/teleport.d\n",
                "f() { A=8; }\n",
                "f\n",
                "f() { local A=1; B=$A; return; B=no; }; f\n",
                "cat() { echo mine; }\n",
                "echo() { :; }\n",
            )
        )
    )


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    forms = (
        "{}{}",
        "if true; then\n{}fi\n{}",
        "if [ -n x ]; then\n{}else\n{}fi\n",
        "if false; then\n{}elif true; then\n{}fi\n",
        "{{\n{}}}\n{}",
        "(\n{})\n{}",
        "never() {{\n{}}}\n{}",
        "once() {{\n{}}}\n{}once\n",
        "function twice {{\n{}}}\ntwice\n{}twice a\n",
        "given() {{\n{}}}\n{}given A=1 'b c'\n",
        "for I in 1 2; do\n{}done\n{}",
        "while false; do\n{}done\n{}",
        "case x in\na|b) {};;\n(*) {}esac\n",
        "true && {{\n{}}}\n{}",
        "false || {{\n{}}}\n{}",
        "test -e / && {{\n{}}} || {{\n{}}}\n",
        "{{\n{}}} | {{\n{}}}\n",
        "{{\n{}}} &\nwait\n{}",
        "! {{\n{}}}\n{}",
        "if ! {{\n{}}}; then\n{}fi\n",
    )
    return st.builds(lambda form, one, other: form.format(one, other), st.sampled_from(forms), inner, inner)


STEPS = st.recursive(st.one_of(writes(), settings()), _wrapped, max_leaves=4)
SCRIPTS = st.lists(STEPS, min_size=1, max_size=6).map("".join)


def run(script: str, shell: Sequence[str], directory: Path) -> list[str]:
    """Return the lines of the conf that a shell writes, empty ones left out."""
    target = directory / "teleport.d"
    target.mkdir(parents=True)
    real = script.replace("/etc//teleport.d", f"{directory}//teleport.d").replace("/etc/teleport.d", str(target))
    work = directory / "work"
    work.mkdir()
    subprocess.run(
        [*shell, "-c", real, "script"],
        cwd=work,
        env={"PATH": "/usr/bin:/bin", "HOME": "/root"},
        input=b"",
        capture_output=True,
        check=False,
        timeout=60,
    )
    try:
        written = (target / "conf").read_bytes()
    except FileNotFoundError:
        return []
    text = written.decode("utf-8", "replace").replace(str(directory), "/etc")
    return [line for line in text.split("\n") if line.strip()]


def judge(script: str, shells: Sequence[Sequence[str]], start: str, directory: Path) -> str:
    """Fail where a conf was read that a shell does not write, and nothing said so. Return what came of it."""
    other = directory / "work" / "other"
    script = f"OTHER={other}\nT={CONF}\nD=/etc/teleport.d\n{script}"
    try:
        found = conf_of.read(f"{start}\n{script}".encode(), "user-data.sh")
    except errors.UserDataUnclear as error:
        if not any(each.message.startswith("nothing in this") for each in error.findings):
            return "unclear"
        expected: list[str] = []
    else:
        if found.findings:
            return "warned"
        expected = [line for line in found.data.decode().split("\n") if line.strip()]
    for shell in shells:
        # What one left in the background writes into no other's directory.
        with tempfile.TemporaryDirectory(dir=directory) as root:
            written = run(script.replace(str(directory), root), shell, Path(root))
        assert written == expected, script
    return "read"


@pytest.mark.parametrize(
    ("start", "shells"),
    [("#!/bin/bash", (("bash",),)), ("#!/bin/sh", (("dash",), ("bash", "--posix")))],
    ids=["bash", "sh"],
)
def test_issue_19_user_data_of_scripts_made_at_random_is_read_as_a_shell_writes_it(
    tmp_path: Path, start: str, shells: Sequence[Sequence[str]]
) -> None:
    if any(shutil.which(shell[0]) is None for shell in shells):
        pytest.skip("dash is not installed")
    outcomes: list[str] = []

    @hypothesis.settings(
        max_examples=EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck), derandomize=EXAMPLES <= 150
    )
    @hypothesis.given(SCRIPTS)
    def tried(script: str) -> None:
        outcomes.append(judge(script, shells, start, tmp_path))

    tried()
    # Many must be read: a reader that always refuses would pass, too.
    assert outcomes.count("read") > len(outcomes) / 10, {each: outcomes.count(each) for each in set(outcomes)}
