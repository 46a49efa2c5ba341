"""`--user-data`: what is read out of a script is what bash really writes, and messages point into the user's file."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import time
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.user_data import conf_of
from tests import documents
from tests.simulated.agent import Agent

CONF = "/etc/teleport.d/conf"
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"

# Scripts whose conf is known without running them. bash runs each of them too.
KNOWN = {
    "a quoted here-document": f"cat > {CONF} <<'EOF'\n{NODE}EOF\n",
    "a plain one": f"cat >{CONF} <<EOF\n{NODE}EOF\n",
    "the redirection behind it": f"cat <<EOF > {CONF}\n{NODE}EOF\n",
    "quotes around the path": f'cat > "{CONF}" << "END_OF_CONF"\n{NODE}END_OF_CONF\n',
    "a backslash before the delimiter": f"cat <<\\EOF >{CONF}\nA='$x'\n{NODE}EOF\n",
    "tabs are taken away": f"if true; then\n\tcat > {CONF} <<-EOF\n\t\tA=1\n\tB=2\n\tEOF\nfi\n",
    "tee": f"tee {CONF} <<'EOF'\n{NODE}EOF\n",
    "tee, silently": f"cat <<'EOF' | tee {CONF} > /dev/null\n{NODE}EOF\n",
    "tee that appends": f"echo A=1 > {CONF}\ntee -a {CONF} >/dev/null <<EOF\nB=2\nEOF\n",
    "echo line by line": f"echo 'A=1' > {CONF}\necho \"B=two words\" >> {CONF}\necho C=3 >>{CONF}\n",
    "echo with options": f"echo -n 'A=' > {CONF}\necho -e '1\\nB=2' >> {CONF}\n",
    "printf": f"printf '%s\\n' A=1 'B=2 3' > {CONF}\nprintf 'C=%s\\n' 100%% >> {CONF}\n",
    "a variable that the script sets": f"ROLE=node\nexport DOMAIN='c.example.com'\ncat > {CONF} <<EOF\n"
    "TELEPORT_ROLE=$ROLE\nTELEPORT_DOMAIN_NAME=${DOMAIN}\nEOF\n",
    "variables of variables": f'A=one; B="$A two"\nC=${{B}}-three\ncat > {CONF} <<EOF\nX="$C"\nEOF\n',
    "a default": f"N=\ncat > {CONF} <<EOF\nX=${{N:-fallback}}\nY=${{N-other}}\nEOF\n",
    "protected characters": f"A=1\ncat > {CONF} <<EOF\nX=\\$A\nY='a\\\\b \\q'\nZ=\\`id\\`\nEOF\n",
    "a variable that is never set": f"cat > {CONF} <<EOF\nX='pa$$word$HOMELESS'\nEOF\n".replace("$$", "s"),
    "a line that goes on": f"cat > {CONF} <<EOF\nX=one\\\ntwo\nY=3\nEOF\n",
    "a line that does not go on": f"cat > {CONF} <<'EOF'\nX=one\\\ntwo\nY=3\nEOF\n",
    "the last one counts": f"cat > {CONF} <<EOF\nA=1\nEOF\ncat > {CONF} <<EOF\nB=2\nEOF\n",
    "several here-documents": f"cat > /dev/null <<A; cat > {CONF} <<B\nX=1\nA\nY=2\nB\n",
    "one of another file before": f"cat > $OTHER <<'EOF'\ncat > {CONF} <<X\nno\nX\nEOF\ncat > {CONF} <<EOF\nA=1\nEOF\n",
    "through a file of its own": f"cat > $OTHER <<EOF\nA=1\nEOF\ncp $OTHER {CONF}\nchmod 600 {CONF}\n",
    "the path in a variable": f"CONF={CONF}\ncat > $CONF <<EOF\nA=1\nEOF\nchown root: \"$CONF\"\n",
    "a directory in a variable": "DIR=/etc/teleport.d\ncat > \"${DIR}/conf\" <<EOF\nA=1\nEOF\n",
    "comments and quotes with the path": f"# cat > {CONF} <<X\necho 'not > {CONF}'\ncat > {CONF} <<X\nA=1 # x\nX\n",
    "a command that goes on": f"cat \\\n  > {CONF} \\\n  <<EOF\nA=1\nEOF\n",
    "a text over several lines": f"M='one\ntwo > {CONF}'\ncat > {CONF} <<EOF\nA=1\nEOF\n",
    "a change by sed": f"echo A=1 > {CONF}\nsed -i s/1/2/ {CONF}\n",
    "a loop over words": f"for each in a b; do echo $each=1 >> {CONF}; done\n",
    "a branch by a variable that is never set": f"echo B=2 > {CONF}\ncase $X in\na) echo A=1 > {CONF} ;;\nesac\n",
    "a group": f"{{ echo A=1; echo B=2; }} > {CONF}\n",
    "a subshell": f"( echo A=1 ) > {CONF}\n",
    "dd": f"dd of={CONF} <<EOF\nA=1\nEOF\n",
    "and then": f"mkdir -p /tmp && cat > {CONF} <<EOF && chmod 600 {CONF}\nA=1\nEOF\n",
    "sudo and install": f"cat > $OTHER <<EOF\nA=1\nEOF\ninstall -m 600 $OTHER {CONF}\n",
    "nothing at first": f": > {CONF}\ncat >> {CONF} <<EOF\nA=1\nEOF\n",
    "a function": f"write_conf() {{\n  cat > {CONF} <<EOF\nA=1\nEOF\n}}\nwrite_conf\n",
    "an array and arithmetic": f"L=(a b)\nN=$((1 + 2))\ncat > {CONF} <<EOF\nA=1\nEOF\n",
    "the end of a line of DOS": f"cat > {CONF} <<EOF\nA=1\nB=2\nEOF\n",
    "another shell": f"bash -c 'echo A=1 > {CONF}'\nsh -c \"echo B=2 >> {CONF}\"\n",
    "removed first": f"echo A=1 > {CONF}\nrm -f {CONF}\necho B=2 >> {CONF}\n",
    "a slice from before the beginning": f'X=abc\necho "A=${{X: -5}}." > {CONF}\n',
    "a split line": f"{{ printf A=; echo 1; }} | sed s/^/x/ > {CONF}\nX=$(printf A; echo 1)\necho $X >> {CONF}\n",
    "what a command leaves of the input": f"while read -r l; do cat; done <<E > {CONF}\nA=1\nB=1\nC=1\nE\n",
    "a loop over a file": f"printf 'A=1\\nB=1\\n' > $OTHER\nwhile read -r l; do echo $l; done < $OTHER > {CONF}\n",
    "a separator at the end": f"while IFS=, read -r a b; do echo $a:$b; done <<E > {CONF}\n1,2\n,\nE\n",
    "what a trap runs at the end": f"f() {{ echo B=1 >> {CONF}; }}\ntrap f EXIT\necho A=1 > {CONF}\n",
    "a subshell that fails": f"bash -ec 'echo A=1 > {CONF}; (exit 3); echo A=2 > {CONF}'\n:\n",
    "pipefail": f"bash -c 'set -eo pipefail; echo A=1 > {CONF}; false | true; echo A=2 > {CONF}'\n:\n",
    "what a substitution inherits": f"set -e\nX=$(false; echo 1)\necho A=$X > {CONF}\n",
    "break without a loop": f"f() {{ break; }}\nfor i in 1 2; do echo A=$i; f; done > {CONF}\nbreak\n",
    "break in a subshell": f"for i in 1 2; do (echo A=$i; break; echo B=$i); done > {CONF}\n",
    "an array of a function": f"X=(c d)\nf() {{ local X=(a b); }}\nf\necho ${{X[1]}} > {CONF}\n",
    "variables for a function": f"X=1\nf() {{ echo A=$X; }}\nX=2 f > {CONF}\necho B=$X >> {CONF}\n",
    "variables taken away": f"export X=1\nenv -u X true\nunset X\nsh -c 'echo A=$X.' > {CONF}\n",
    "arguments of a file": f"echo 'echo A=$1' > $OTHER\nset -- 2\n. $OTHER 5 > {CONF}\necho $1 >> {CONF}\n",
    "output that is sent elsewhere in a branch": f"if true; then exec > {CONF}; fi\necho A=1\n",
    "a directory that is made again": f"rm -r /etc/teleport.d\nmkdir -p /etc/teleport.d\necho A=1 > {CONF}\n",
    "a failure in a group that is checked": f"set -e\necho A=1 > {CONF}\n{{ false && :; }}\necho B=1 >> {CONF}\n",
    "install with long options": f"echo A=1 > $OTHER\ninstall --mode=600 $OTHER {CONF}\n",
    "another shell that fails": f"bash -ec 'echo A=1 > {CONF}; sh -c false; echo A=2 > {CONF}'\n:\n",
}  # fmt: skip

# What only running them tells, and what is said.
UNKNOWN = {
    f"aws s3 cp s3://b/conf {CONF}\n": "`aws` may change the conf",
    f"curl -s https://example.com/conf > {CONF}\n": "`curl` writes the conf",
    f"envsubst < /opt/conf.tpl > {CONF}\n": "the conf is made of /opt/conf.tpl",
    f"cat /opt/part > {CONF}\n": "the conf is made of /opt/part",
    f"echo A=1 > {CONF}\nsed -i y/1/2/ {CONF}\n": "`sed` may change the conf",
    f"for each in $(ls); do echo $each=1 >> {CONF}; done\n": "inside `for`",
    f"if x; then\n echo A=1 > {CONF}\nelse\n echo A=2 > {CONF}\nfi\n": "inside `else`",
    f"case $(uname -m) in\na) echo A=1 > {CONF} ;;\nesac\n": "inside `case`",
    f"{{ echo A=1; hostname; }} > {CONF}\n": "`hostname` writes the conf",
    f"printf '%05d' 1 > {CONF}\n": "what this `printf` prints is not read here",
    "cat > /etc/teleport.d/$NAME-$(date) <<EOF\nA=1\nEOF\n": "may be the conf",
    "echo hello\n": f"nothing in this user-data writes {CONF}",
    f"if [[ 010 -eq 8 ]]; then\n echo A=1 > {CONF}\nelse\n echo A=2 > {CONF}\nfi\n": "inside `else`",
    f"X=ä\ncase $X in\n?) echo A=1 > {CONF} ;;\nesac\n": "inside `case`",
    f"X='a*'\ncase ${{X%\"*\"}} in\na) echo A=1 > {CONF} ;;\nesac\n": "inside `case`",
    f": ${{X:?is missing}}\necho A=1 > {CONF}\n": "`${X:?}` ends the script, since nothing sets it before",
    f"i=1\n: $((i++))\ncase $i in\n1) echo A=1 > {CONF} ;;\nesac\n": "inside `case`",
    f"if uname; then : ${{X:=5}}; fi\ncase $X in\n5) echo A=1 > {CONF} ;;\nesac\n": "inside `case`",
    f"cp -n /opt/part {CONF}\n": "`cp` may change the conf",
    f"echo A=1 > {CONF}\nsed s/1/2/ {CONF} > {CONF}\n": "a command reads /etc/teleport.d/conf while it writes it",
    f"echo A=1 > {CONF}\nsed s/1/2/ {CONF} | tee {CONF}\n": "one command of a pipeline reads the conf",
    f"{{ echo A=1; echo B=1 > {CONF}; }} > {CONF}\n": "while it is open for the group",
    f"rm -r /etc/teleport.d\necho A=1 > {CONF}\n": "the directory of the conf was removed before",
    f"echo A=1 > /opt/d/x\nrm -r /opt/d\ncat /opt/d/x > {CONF}\n": "the conf is made of /opt/d/x",
    f"echo A=1 > /opt/x\nln -s /opt/x /opt/y\ncat /opt/x > {CONF}\n": "the conf is made of /opt/x",
    f"uname && echo A=1 > {CONF} || echo A=2 > {CONF}\n": "inside what follows `||`",
    f"set -u\necho $X\necho A=1 > {CONF}\n": "is not set, and after `set -u` that ends the script",
    f"set -C\necho A=1 > /opt/x\ncp /opt/x {CONF}\n": "the conf is made of /opt/x",
    f"shopt -s nocasematch\necho A=1 > {CONF}\n": "what `shopt` changes in the shell",
    f"trap X=2 DEBUG\nX=1\necho A=$X > {CONF}\n": "what `trap` does before each command",
    f"echo A=aaa > {CONF}\nsed -i 's/a*/b/g' {CONF}\n": "`sed` may change the conf",
    f"sh -nc 'echo A=1 > {CONF}'\n": "after `sh -n` the shell runs nothing",
    f"echo {900 * 'a'} > {CONF}\nsed -i 's/a*a*b/c/' {CONF}\n": "changes more with `sed` than is followed here",
    f"echo A=1 > {CONF}.tmp\nmv {CONF}{{.tmp,}}\n": "`mv` may change the conf",
    f"echo A=aab | tr -s a > {CONF}\n": "`tr` writes the conf",
    f"echo A=é | tr é e > {CONF}\n": "`tr` writes the conf",
    f"echo QT0xCg==QT0xCg== | base64 -d > {CONF}\n": "`base64` writes the conf",
    f"declare -l X\nX=A\ncase $X in\nA) echo A=1 > {CONF} ;;\nesac\n": "inside `case`",
    f"echo A=\0 > {CONF}\n": "the script has a NUL character",
    f"X=1\r\necho A=$X > {CONF}\r\n": "nothing in this user-data writes",
    f"printf 'A=1\\nB=1\\n' | {{ head -n 1 > /dev/null; cat; }} > {CONF}\n": "only running the script tells",
    f"dd of={CONF} if=/opt/part\n": "`dd` may change the conf",
    f'python3 -c \'open("{CONF}", "w")\'\n': "`python3` may change the conf",
    f"python3 - {CONF} <<EOF\nopen\nEOF\n": "`python3` may change the conf",
}


def lines_of(found: conf_of.Found) -> list[str]:
    """Return the lines of a conf that mean something."""
    return [line for line in found.data.decode().split("\n") if line.strip()]


@pytest.mark.parametrize("name", KNOWN)
def test_issue_19_user_data_what_is_read_is_what_bash_writes(tmp_path: Path, name: str) -> None:
    other, target = tmp_path / "other", tmp_path / "conf"
    script = f"#!/bin/bash\n{KNOWN[name]}".replace("$OTHER", str(other))
    real = script.replace("/etc/teleport.d", str(tmp_path))
    done = subprocess.run(["bash", "-c", real], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [line for line in target.read_text().split("\n") if line.strip()]

    found = conf_of.read(script.encode(), "user-data.sh")

    assert lines_of(found) == [line.replace(str(tmp_path), "/etc/teleport.d") for line in written]


@pytest.mark.parametrize("script", UNKNOWN)
def test_issue_19_user_data_what_cannot_be_known_is_said_with_its_line(script: str) -> None:
    with pytest.raises(errors.UserDataUnclear) as raised:
        conf_of.read(f"#!/bin/bash\n\n{script}".encode(), "user-data.sh")
    (finding,) = raised.value.findings
    assert UNKNOWN[script] in finding.message
    assert finding.place is not None and finding.place.file == "user-data.sh"
    if "nothing in this user-data" not in UNKNOWN[script]:
        assert finding.place.line is not None and finding.place.line > 2


def test_issue_19_user_data_a_message_points_into_the_file_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "main.tf"
    path.write_text(
        'resource "aws_instance" "x" {\n  user_data = <<-EOF\n    #!/bin/bash\n'
        f"    cat > {CONF} <<'CONF'\n    TELEPORT_ROLE=nod\n    CONF\n  EOF\n}}\n"
    )
    done = Agent(tmp_path).run("validate", "--user-data", str(path))
    assert done.status == errors.CONF_OR_USAGE
    assert f"error: {path}:5:5: TELEPORT_ROLE" in done.output


def test_issue_19_user_data_in_terraform(tmp_path: Path) -> None:
    path = tmp_path / "node.tpl"
    text = NODE.replace("c.example.com", "${cluster_name}")
    path.write_text(f"#!/bin/bash\ncat > {CONF} <<EOF\n{text}TELEPORT_NODENAME=$${{HOSTNAME}}\nEOF\n")
    done = Agent(tmp_path).run("validate", "--user-data", str(path))
    assert done.status == 0, done.said
    assert f"{path}:4: `${{cluster_name}}` is known only when it runs: TELEPORT_CLUSTER_NAME is read as" in done.output
    assert f"{path}:6: `${{HOSTNAME}}` is known only when it runs" in done.output


TEMPLATE = f"""\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Cluster:
    Type: String
    Default: c.example.com
  Balancer:
    Type: String
Resources:
  Node:
    Type: AWS::EC2::Instance
    Properties:
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          cat > {CONF} <<EOF
          TELEPORT_ROLE=node
          TELEPORT_CLUSTER_NAME=${{Cluster}}
          TELEPORT_AUTH_SERVER_LB=${{Balancer}}
          EC2_REGION=${{AWS::Region}}
          TELEPORT_NODENAME=${{!HOSTNAME}}
          TELEPORT_ENABLE_POSTGRES=ja
          EOF
"""


def test_issue_19_user_data_in_cloudformation(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(TEMPLATE)
    done = Agent(tmp_path).run("validate", "--user-data", str(path))
    assert f"error: {path}:21:11: TELEPORT_ENABLE_POSTGRES" in done.output
    assert f"{path}:17: `${{Cluster}}` is read with its default, c.example.com" in done.output
    assert f"{path}:18: `${{Balancer}}` is known only when it runs" in done.output
    assert f"{path}:19: `${{AWS::Region}}`" in done.output
    assert f"{path}:20: `${{HOSTNAME}}`" in done.output


def test_issue_19_user_data_in_cloudformation_as_json_with_join(tmp_path: Path) -> None:
    lines = ", ".join(f'"{line}"' for line in ["#!/bin/bash", f"cat > {CONF} <<EOF", *NODE.split("\n")[:2]])
    path = tmp_path / "node.json"
    path.write_text(
        '{"Resources": {"Node": {"Properties": {"UserData": {"Fn::Base64": {"Fn::Join": ["\\n", [\n'
        f"{lines},\n"
        f'{{"Fn::Join": ["", ["TELEPORT_AUTH_SERVER_LB=", {{"Ref": "Balancer"}}]]}},\n"EOF", ""]]}}}}}}}}}}}}\n'
    )
    done = Agent(tmp_path).run("validate", "--user-data", str(path))
    assert done.status == 0, done.said
    assert f"{path}:3: `Ref Balancer` is known only when it runs" in done.output


CLOUD_CONFIG = f"""\
#cloud-config
write_files:
  - path: {CONF}
    permissions: "0600"
    content: |
      TELEPORT_ROLE=node
      TELEPORT_CLUSTER_NAME=c.example.com
  - path: /etc/other
    content: nothing
runcmd:
  - echo TELEPORT_AUTH_SERVER_LB=auth.example.com >> {CONF}
  - [systemctl, daemon-reload]
"""


def test_issue_19_user_data_of_cloud_config(tmp_path: Path) -> None:
    found = conf_of.read(CLOUD_CONFIG.encode(), "user-data")
    assert lines_of(found) == NODE.split("\n")[:3]
    assert found.data.decode().split("\n")[5] == "TELEPORT_ROLE=node"
    assert not found.findings


@pytest.mark.parametrize("encoding", ["b64", "gz+b64", "base64", "gzip+base64"])
def test_issue_19_user_data_of_cloud_config_encoded(encoding: str) -> None:
    data = gzip.compress(NODE.encode()) if encoding.startswith("gz") else NODE.encode()
    text = base64.b64encode(data).decode()
    config = f"#cloud-config\nwrite_files:\n- {{path: {CONF}, encoding: {encoding}, content: {text}}}\n"
    assert lines_of(conf_of.read(config.encode(), "user-data")) == NODE.split("\n")[:3]


@pytest.mark.parametrize("wrap", ["gzip", "base64", "both"])
def test_issue_19_user_data_that_is_packed(wrap: str) -> None:
    data = f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n".encode()
    data = gzip.compress(data) if wrap != "base64" else data
    data = base64.b64encode(data) if wrap != "gzip" else data
    found = conf_of.read(data, "user-data")
    assert lines_of(found) == NODE.split("\n")[:3]
    assert found.path.startswith("user-data (")


MESSAGE = f"""\
Content-Type: multipart/mixed; boundary="//"
MIME-Version: 1.0

--//
Content-Type: text/cloud-config; charset="us-ascii"

#cloud-config
write_files:
- path: {CONF}
  content: |
    TELEPORT_ROLE=node
    TELEPORT_CLUSTER_NAME=c.example.com

--//
Content-Type: text/x-shellscript; charset="us-ascii"
Content-Transfer-Encoding: 7bit

#!/bin/bash
cat >> {CONF} <<'EOF'
TELEPORT_AUTH_SERVER_LB=
EOF

--//--
"""


def test_issue_19_user_data_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "user-data"
    path.write_text(MESSAGE)
    done = Agent(tmp_path).run("validate", "--user-data", str(path), "--format", "json")
    assert done.status == errors.CONF_OR_USAGE
    assert [each["name"] for each in done.data["assignments"]] == [line.split("=")[0] for line in NODE.split()]
    assert done.data["assignments"][2]["line"] == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"cat > {CONF} <<EOF\n{NODE}EOF\n", "begins with neither"),
        (f"\n#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n", "before `#!`"),
        ("#include https://example.com/x\n", "downloads what `#include` names"),
        (f"#cloud-config\nwrite_files: [{{path: {CONF}, content: 'x'}}\n", "not valid YAML"),
    ],
)
def test_issue_19_user_data_that_cloud_init_does_nothing_with(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "user-data").write_text(text)
    done = Agent(tmp_path).run("validate", "--user-data", str(tmp_path / "user-data"))
    assert done.status == errors.CONF_OR_USAGE and said in done.errors, done.said


def test_issue_19_user_data_longer_than_ec2_takes(tmp_path: Path) -> None:
    (tmp_path / "user-data").write_text(f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n# {'x' * 17000}\n")
    done = Agent(tmp_path).run("validate", "--user-data", str(tmp_path / "user-data"))
    assert done.status == errors.CONF_OR_USAGE and "EC2 takes 16384" in done.output


def test_issue_15_row_12_the_commands_of_the_page_run(tmp_path: Path) -> None:
    block = documents.block("docs/ci.md", "simulated", "user-data")
    script = f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n"
    for name, text in (
        ("user-data.sh", script),
        ("node.tftpl", script),
        ("stack.yaml", TEMPLATE.replace("=ja", "=false")),
    ):
        (tmp_path / name).write_text(text)
    for line in block.text.splitlines():
        done = Agent(tmp_path).run(*line.split()[1:])
        assert done.status == 0, (line, done.said)


def test_issue_19_render_needs_no_metadata_on_a_laptop(tmp_path: Path) -> None:
    script = f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n"
    done = Agent(tmp_path).run("render", "--user-data", "-", stdin=script.encode())
    assert done.status == 0, done.said
    assert "auth.example.com" in done.output


def test_a_conf_and_user_data_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    done = Agent(tmp_path).run("validate", "x", "--user-data", "x")
    assert done.status == errors.CONF_OR_USAGE and "exclude each other" in done.errors


def test_a_secret_in_what_is_not_known_is_not_shown(tmp_path: Path) -> None:
    script = f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}X=$(curl -H 'Authorization: Bearer s3cr3t-T0ken-value' h)\nEOF\n"
    (tmp_path / "user-data").write_text(script)
    done = Agent(tmp_path).run("validate", "--user-data", str(tmp_path / "user-data"))
    assert "s3cr3t" not in done.said


# Each was read as a conf that bash does not write, and nothing was said.
WRONG = {
    "a function that is never called": f"never() {{\n  echo A=1 > {CONF}\n}}\necho B=1 > {CONF}\n",
    "the end before": f"echo A=1 > {CONF}\nexit 0\necho B=1 > {CONF}\n",
    "a value that is split": f"X='a  b'\necho A=$X > {CONF}\n",
    "a string of ANSI C": f"echo $'A=\\x41' > {CONF}\n",
    "a comment that goes on": f"# no \\\necho A=1 > {CONF}\n",
    "another directory": f"cd /etc/teleport.d\necho A=1 > {CONF}\necho B=2 >> conf\n",
    "a shell that reads commands": f"echo A=1 > {CONF}\nbash <<E\necho B=1 >> {CONF}\nE\n",
    "two redirections": f"echo A=1 > {CONF} > /dev/null\n",
    "what does not run": f"echo A=1 > {CONF}\nfalse && echo B=1 > {CONF}\n",
    "an integer": f"declare -i N=1+2\necho A=$N > {CONF}\n",
    "an escape": f"echo -e 'A=\\x41' > {CONF}\n",
    "a delimiter that a line goes on with": f"cat > {CONF} <<EOF\nA=one\\\nEOF\nB=2\nEOF\n",
    "arithmetic of old": f"cat > {CONF} <<EOF\nA=$[1+2]\nEOF\n",
    "a subshell": f"A=1\n(A=2)\necho A=$A > {CONF}\n",
    "a variable that is not exported": f"A=1\nbash -c 'echo A=$A > {CONF}'\n",
    "the conf moved away": f"echo A=1 > {CONF}\nmv {CONF} $OTHER\necho B=1 > {CONF}.x\n",
}


@pytest.mark.parametrize("name", WRONG)
def test_issue_19_user_data_is_never_read_as_bash_does_not_write_it(tmp_path: Path, name: str) -> None:
    other, target = tmp_path / "other", tmp_path / "conf"
    script = f"#!/bin/bash\n{WRONG[name]}".replace("$OTHER", str(other))
    real = script.replace("/etc/teleport.d", str(tmp_path))
    subprocess.run(["bash", "-c", real], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    written = [line for line in target.read_text().split("\n") if line.strip()] if target.exists() else []
    try:
        found = conf_of.read(script.encode(), "user-data.sh")
    except errors.UserDataUnclear:
        return
    assert found.findings or lines_of(found) == [line.replace(str(tmp_path), "/etc/teleport.d") for line in written]


@pytest.mark.parametrize("line", ["#!/usr/bin/env python3", "#!/usr/bin/perl"])
def test_issue_19_user_data_for_another_program_is_not_read_as_a_script_of_a_shell(line: str) -> None:
    with pytest.raises(errors.UserDataUnclear) as raised:
        conf_of.read(f"{line}\nopen('{CONF}')\n".encode(), "user-data")
    assert "is not a shell that is read here" in str(raised.value.findings[0])


def test_issue_19_user_data_sh_is_not_the_same_everywhere() -> None:
    with pytest.raises(errors.UserDataUnclear):
        conf_of.read(f"#!/bin/sh\necho 'A=a\\nb' > {CONF}\n".encode(), "user-data")
    assert lines_of(conf_of.read(f"#!/bin/bash\necho 'A=a\\nb' > {CONF}\n".encode(), "user-data")) == ["A=a\\nb"]


def test_issue_19_user_data_all_that_is_left_out_is_said_with_its_line() -> None:
    with pytest.raises(errors.UserDataUnclear) as raised:
        conf_of.read(f'#!/bin/bash\necho "$(hostname)" > {CONF}\n'.encode(), "user-data")
    (finding,) = raised.value.findings
    assert "known only when it runs" in finding.message and finding.place is not None and finding.place.line == 2


def test_issue_19_user_data_a_last_line_without_its_end_goes_on() -> None:
    entries = f"- {{path: {CONF}, content: A=1}}\n- {{path: {CONF}, content: B=2, append: true}}\n"
    config = f"#cloud-config\nwrite_files:\n{entries}"
    assert lines_of(conf_of.read(config.encode(), "user-data")) == ["A=1B=2"]


def test_issue_19_user_data_characters_like_our_marks_are_the_users_own() -> None:
    content = f"#!/bin/bash\ncat > {CONF} <<'EOF'\nA=\ue0000\ue001\nTELEPORT_CLUSTER_NAME=${{x}}\nEOF\n"
    found = conf_of.read(content.encode(), "node.tpl")
    assert lines_of(found) == ["A=\ue0000\ue001", "TELEPORT_CLUSTER_NAME='teleport.example.com'"]


BOMB = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 25))
HOSTILE = {
    "aliases": f"Resources:\n  l0: &l0 [x]\n{BOMB}\n  N: {{UserData: {{'Fn::Base64': '{CONF}'}}}}\n",
    "blanks": " " * 300_000 + "!",
    "doubled variables": "#!/bin/bash\nA=aaaaaaaa\n" + "A=$A$A\n" * 60 + f"echo $A > {CONF}\n",
    "functions": "#!/bin/bash\n" + "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}\n" for n in range(20)) + "f0\n",
    "endless functions": "#!/bin/bash\nf() { f; }\nf\n",
    "parentheses": "#!/bin/bash\n" + "(" * 100_000,
    "substitutions": "#!/bin/bash\n" + "$(" * 100_000,
    "elif": "#!/bin/bash\nif a; then b;\n" + "elif a; then b;\n" * 4000 + "fi\n",
    "quotes": "#!/bin/bash\nA='" + "x\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_issue_19_user_data_that_is_hostile_is_refused_in_time(name: str) -> None:
    start = time.process_time()
    with pytest.raises(errors.UserDataUnclear):
        conf_of.read(HOSTILE[name].encode(), "user-data")
    assert time.process_time() - start < 20


def test_issue_19_user_data_a_parameter_that_is_secret_is_not_shown(tmp_path: Path) -> None:
    secret = TEMPLATE.replace("Default: c.example.com", "Default: hunter2.example.com\n    NoEcho: true")
    (tmp_path / "node.yaml").write_text(secret)
    assert "hunter2" not in Agent(tmp_path).run("validate", "--user-data", str(tmp_path / "node.yaml")).said


def test_issue_19_user_data_a_default_that_the_shell_changes_is_not_read() -> None:
    text = TEMPLATE.replace("Default: c.example.com", "Default: a$b.example.com")
    found = conf_of.read(text.encode(), "node.yaml")
    assert "a$b" not in found.data.decode()


def test_issue_19_user_data_with_the_short_form_of_base64() -> None:
    lines = "".join(f"        {line}\n" for line in ["#!/bin/bash", f"cat > {CONF} <<EOF", *NODE.split(), "EOF"])
    text = f"Resources:\n  Node:\n    Properties:\n      UserData: !Base64 |\n{lines}"
    assert lines_of(conf_of.read(text.encode(), "node.yaml")) == NODE.split()


@pytest.mark.parametrize("filling", ["echo x\n", "# x\n", "A=$A$A\n", "'", "$(", "word "])
def test_issue_19_user_data_that_is_far_too_long_is_refused_at_once(filling: str) -> None:
    script = f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n{filling * (2 * 1024 * 1024 // len(filling))}"
    with pytest.raises(errors.UserDataUnclear) as raised:
        conf_of.read(script.encode(), "user-data")
    assert "are not followed here" in str(raised.value)


TERRAFORM = {
    "file": 'resource "aws_instance" "x" {\n  user_data = file("${path.module}/user-data.sh")\n}\n',
    "templatefile": 'locals {\n  script = templatefile("./node.tftpl", {\n    cluster = var.cluster\n  })\n}\n',
    "join": 'user_data = join("\\n", [\n  "#!/bin/bash",\n  "cat >/etc/teleport.d/conf <<\'EOF\'",\n'
    '  trimspace(file("confs/node.conf")),\n  "EOF",\n])\n',
    "inside": "user_data = <<-EOF\n  #!/bin/bash\n  cat >/etc/teleport.d/conf <<'C'\n"
    '  ${file("confs/node.conf")}\n  C\nEOF\n',
}


@pytest.mark.parametrize("name", TERRAFORM)
def test_issue_19_point_5_a_file_that_terraform_reads_is_read_where_it_is_there(tmp_path: Path, name: str) -> None:
    agent = Agent(tmp_path)
    (tmp_path / "confs").mkdir()
    agent.write("/main.tf", TERRAFORM[name])
    missing = agent.run("validate", "--user-data", str(tmp_path / "main.tf"))
    assert missing.status == 2, missing.said
    agent.write("/user-data.sh", f"#!/bin/bash\ncat >{CONF} <<'EOF'\n{NODE}EOF\n")
    agent.write("/node.tftpl", f"#!/bin/bash\ncat >{CONF} <<'EOF'\n{NODE}EOF\n".replace("c.example.com", "${cluster}"))
    agent.write("/confs/node.conf", NODE)
    done = agent.run("validate", "--user-data", str(tmp_path / "main.tf"), "--format", "json")
    assert done.status == 0, done.said
    assert [each["name"] for each in done.data["assignments"]] == [line.split("=")[0] for line in NODE.splitlines()]
    if name == "join":
        agent.write("/confs/node.conf", f"{NODE}DEBUG=perhaps\n")
        said = agent.run("validate", "--user-data", str(tmp_path / "main.tf")).said
        assert f"{tmp_path}/confs/node.conf:4:1: " in said, said


def test_issue_19_point_5_an_expression_of_terraform_over_several_lines(tmp_path: Path) -> None:
    text = f'#!/bin/bash\ncat >{CONF} <<EOF\n{NODE}TELEPORT_NODENAME=${{join("-", [\n  var.a,\n  var.b\n])}}\nEOF\n'
    found = conf_of.read(text.encode(), "node.tftpl")
    assert lines_of(found)[-1].startswith("TELEPORT_NODENAME=")
    assert any("TELEPORT_NODENAME" in each.message for each in found.findings)
    for wrong, said in ((text.replace("])}", "])"), "never ends"), (text.replace("])}", "]) ~}"), "`~`")):
        with pytest.raises(errors.UserDataUnclear, match=said):
            conf_of.read(wrong.encode(), "node.tftpl")


def test_issue_19_one_of_several_resources_of_a_template_is_named(tmp_path: Path) -> None:
    confs = {"Auth": NODE.replace("=node", "=auth"), "Node": NODE}
    resources = {
        name: {"Properties": {"UserData": {"Fn::Base64": f"#!/bin/bash\ncat > {CONF} <<EOF\n{conf}EOF\n"}}}
        for name, conf in confs.items()
    }
    path = tmp_path / "stack.json"
    path.write_text(json.dumps({"Resources": {**resources, "Other": {"Properties": {}}}}))
    agent = Agent(tmp_path)
    done = agent.run("plan", "--user-data", f"{path}#Node", "--format", "json")
    assert (done.status, done.data["role"]) == (0, "node")
    for wrong in ("", "#Other", "#Nothing"):
        done = agent.run("validate", "--user-data", f"{path}{wrong}")
        assert done.status == errors.CONF_OR_USAGE
        assert f"name one of {path}#Auth, {path}#Node" in done.said
    path.with_name("a#b").write_text(f"#!/bin/bash\ncat > {CONF} <<EOF\n{NODE}EOF\n")
    assert agent.run("validate", "--user-data", str(path.with_name("a#b"))).status == 0
    done = agent.run("validate", "--user-data", f"{path.with_name('a#b')}#Node")
    assert done.status == errors.CONF_OR_USAGE and "not a template of CloudFormation" in done.said


def message(*parts: tuple[str, str]) -> str:
    """Return a message with parts, by their types."""
    body = "".join(f"--B\nContent-Type: text/{kind}\n\n{text}\n" for kind, text in parts)
    return f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n{body}--B--\n'


def test_issue_19_point_5_scripts_of_each_kind_run_in_the_order_of_cloud_inits_final_stage() -> None:
    kinds = ("", "-per-instance", "-per-boot", "-per-once")
    parts = [(f"x-shellscript{kind}", f"#!/bin/sh\necho A{number}=1 >> {CONF}") for number, kind in enumerate(kinds)]
    config = ("cloud-config", f"#cloud-config\nruncmd:\n- echo Z=1 >> {CONF}")
    found = conf_of.read(message(config, *parts).encode(), "user-data")
    assert lines_of(found) == ["A3=1", "A2=1", "A1=1", "A0=1", "Z=1"]


def test_issue_19_point_5_a_message_of_very_many_parts_is_refused_at_once() -> None:
    part = ("x-shellscript", "#!/bin/sh\ntrue")
    with pytest.raises(errors.UserDataUnclear, match="more than 300 parts"):
        conf_of.read(message(*[part] * 10_000).encode(), "user-data")


def test_issue_19_point_5_the_policy_for_user_data_is_that_of_its_conf(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    options = ("--region", "eu-west-1", "--account", "123456789012")
    agent.write("/conf", NODE)
    agent.write("/user-data.sh", f"#!/bin/bash\ncat >{CONF} <<'EOF'\n{NODE}EOF\n")
    agent.write("/node.tftpl", f"#!/bin/bash\ncat >{CONF} <<'EOF'\n{NODE}EOF\n".replace("c.example.com", "${cluster}"))
    by_conf = agent.run("iam-policy", "--conf", str(tmp_path / "conf"), *options)
    by_user_data = agent.run("iam-policy", "--user-data", str(tmp_path / "user-data.sh"), *options)
    assert by_conf.status == by_user_data.status == 0, by_user_data.said
    assert by_conf.output == by_user_data.output
    refused = agent.run("iam-policy", "--user-data", str(tmp_path / "node.tftpl"), *options)
    assert refused.status == errors.CONF_OR_USAGE, "an example has no place in a policy"
    assert "node.tftpl:4: `${cluster}` is known only when it runs" in refused.errors
