"""Forms of user-data around a script: templates, what AWS prints, and what is said where something is lost."""

from __future__ import annotations

import base64
import gzip
import json
import re

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.user_data import conf_of

SCRIPT = "#!/bin/bash\necho TELEPORT_ROLE=node > /etc/teleport.d/conf\n"
ENCODED = base64.b64encode(SCRIPT.encode()).decode()
CONF = ["TELEPORT_ROLE=node"]


def lines(text: str, name: str) -> list[str]:
    found = conf_of.read(text.encode(), name)
    return [line for line in found.data.decode().split("\n") if line]


def refused(text: str, name: str) -> str:
    with pytest.raises(errors.UserDataUnclear) as raised:
        conf_of.read(text.encode(), name)
    return "\n".join(f"{each.place} {each.message}" for each in raised.value.findings)


@pytest.mark.parametrize(
    "document",
    [
        {"ImageId": "ami-1", "UserData": ENCODED},
        {"LaunchTemplateVersions": [{"LaunchTemplateData": {"UserData": ENCODED}}]},
        {"InstanceId": "i-1", "UserData": {"Value": ENCODED}},
        {"Resources": {"Node": {"Type": "AWS::EC2::Instance", "Properties": {"UserData": ENCODED}}}},
    ],
    ids=["data of a launch template", "described launch template", "attribute of an instance", "template"],
)
def test_user_data_that_is_encoded_in_json_is_decoded(document: object) -> None:
    assert lines(json.dumps(document), "described.json") == CONF


def test_files_of_cfn_init_are_read_where_they_stand() -> None:
    template = """\
Resources:
  Node:
    Type: AWS::EC2::Instance
    Metadata:
      AWS::CloudFormation::Init:
        config:
          files:
            /etc/teleport.d/conf:
              content: !Sub |
                TELEPORT_ROLE=node
                TELEPORT_CLUSTER_NAME=${AWS::StackName}.acme.com
              mode: "000600"
    Properties:
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          /opt/aws/bin/cfn-init --stack ${AWS::StackName} --resource Node
"""
    found = conf_of.read(template.encode(), "stack.yaml")
    assert found.data.decode().split("\n")[9] == "TELEPORT_ROLE=node"
    assert [str(each.place) for each in found.findings] == ["stack.yaml:11"]
    assert "which is not followed here" in refused(template.replace("mode:", "context:"), "stack.yaml")


def test_a_condition_of_cloudformation_that_has_no_default_is_named() -> None:
    template = """\
Parameters:
  Acm: {Type: String}
Conditions:
  HasAcm: !Equals [!Ref Acm, "yes"]
Resources:
  Proxy:
    Properties:
      UserData:
        Fn::Base64: !Join
          - ""
          - - "#!/bin/bash\\ncat > /etc/teleport.d/conf <<EOF\\nTELEPORT_ROLE=proxy\\n"
            - !If [HasAcm, "USE_ACM=true\\n", ""]
            - "EOF\\n"
"""
    message = refused(template, "stack.yaml")
    assert message.startswith("stack.yaml:12 `If HasAcm` decides in CloudFormation which lines are written")


def test_expressions_of_jinja_stand_for_values_and_statements_are_named() -> None:
    start = "## template: jinja\n#cloud-config\nwrite_files:\n- path: /etc/teleport.d/conf\n  content: |\n"
    text = f"{start}    TELEPORT_ROLE=node\n    TELEPORT_NODENAME=n-{{{{ v1.instance_id }}}}\n"
    found = conf_of.read(text.encode(), "config.yaml")
    assert found.data.decode().split("\n")[5] == "TELEPORT_ROLE=node"
    assert [str(each.place) for each in found.findings] == ["config.yaml:7"]
    assert "`{{ v1.instance_id }}` is known only when it runs" in found.findings[0].message
    assert refused(f"{start}    {{% if v1.x %}}A=1{{% endif %}}\n", "config.yaml").startswith(
        "config.yaml:6:1 `{%` begins a statement"
    )


def test_what_another_part_of_cloud_config_replaces_is_said_to_be_lost() -> None:
    part = (
        'Content-Type: text/cloud-config\n\n#cloud-config\nwrite_files:\n- {path: %s, content: "TELEPORT_ROLE=node"}\n'
    )
    text = 'Content-Type: multipart/mixed; boundary="B"\n\n--B\n' + "--B\n".join(
        part % path for path in ("/etc/teleport.d/conf", "/etc/motd")
    )
    message = refused(f"{text}--B--\n", "parts.txt")
    assert "nothing in this user-data writes" in message
    assert (
        "parts.txt:8 `write_files` here is lost: cloud-init keeps that of the other part alone, from line 14" in message
    )


def test_content_that_a_template_fills_in_as_a_whole_is_named() -> None:
    text = (
        "#cloud-config\nwrite_files:\n- path: /etc/teleport.d/conf\n  encoding: b64\n  content: ${base64encode(conf)}\n"
    )
    assert refused(text, "config.tftpl").startswith(
        "config.tftpl:5 `${base64encode(conf)}` becomes the whole content, b64, and what is in it is known only when"
    )


def test_a_source_of_cloud_config_and_a_byte_order_mark_are_named() -> None:
    text = "#cloud-config\nwrite_files:\n- path: /etc/teleport.d/conf\n  source: {uri: 'https://x'}\n  content: x\n"
    assert "takes the content from the `source`" in refused(text, "config.yaml")
    assert "a byte order mark stands before" in refused(f"\ufeff{SCRIPT}", "user-data.sh")
    assert "cloud-init downloads what `#include` names" in refused("#include\nhttps://x\n", "user-data")


@pytest.mark.parametrize(
    "script",
    [
        "for a in {many}; do for b in {many}; do echo $a$b >> /etc/teleport.d/conf; done; done",
        'A=(a)\n{doubled}echo "${{A[@]}}" > /etc/teleport.d/conf',
        "while read l; do echo $l; done > /etc/teleport.d/conf <<EOF\n{lines}EOF",
        "f() {{ echo $(f)$(f); }}\nf > /etc/teleport.d/conf",
        "cat > /etc/teleport.d/conf < -",
        "cat > /etc/teleport.d/conf < /dev/stdin",
    ],
    ids=["loops in a loop", "array that grows", "loop over many lines", "function that calls itself", "dash", "stdin"],
)
def test_what_would_take_too_long_to_follow_is_refused(script: str) -> None:
    filled = script.format(many="x " * 400, doubled='A=("${A[@]}" "${A[@]}")\n' * 30, lines="A=b\n" * 20_000)
    refused(f"#!/bin/bash\n{filled}\n", "user-data.sh")


@pytest.mark.parametrize(
    "script",
    ["CONF=$(cat <<'EOF'\n{lines}EOF\n)", "read -r -d '' CONF <<'EOF' || true\n{lines}EOF", "CONF='\n{lines}'"],
    ids=["substitution", "read", "quotes"],
)
def test_what_a_variable_of_several_lines_holds_is_shown_where_it_stands(script: str) -> None:
    filled = script.format(lines="TELEPORT_ROLE=node\nDEBUG=true\n")
    found = conf_of.read(f'#!/bin/bash\n{filled}\necho "$CONF" > /etc/teleport.d/conf\n'.encode(), "user-data.sh")
    assert found.data.decode().split("\n")[2:4] == ["TELEPORT_ROLE=node", "DEBUG=true"]


def test_a_value_that_a_template_fills_in_decides_no_test() -> None:
    script = """\
#!/bin/bash
ROLE=${role}
if [ "$ROLE" = node ]; then
  echo A=1 > /etc/teleport.d/conf
else
  echo B=1 > /etc/teleport.d/conf
fi
"""
    assert "inside `else`" in refused(script, "user-data.tftpl")


TERRAFORM = """\
resource "aws_instance" "auth" {
  user_data = <<EOF
#!/bin/bash
echo TELEPORT_ROLE=auth > /etc/teleport.d/conf
EOF
}
locals {
  script = <<-EOF
    #!/bin/bash
    echo TELEPORT_ROLE=node > /etc/teleport.d/conf
  EOF
}
"""


def test_of_several_texts_in_a_file_of_terraform_one_is_named() -> None:
    assert refused(TERRAFORM, "main.tf").startswith("main.tf 2 texts of this file write /etc/teleport.d/conf")
    found = conf_of.read(TERRAFORM.encode(), "main.tf", resource="local.script")
    assert found.data.decode().split("\n")[9] == "TELEPORT_ROLE=node"
    assert "auth" in conf_of.read(TERRAFORM.encode(), "main.tf", resource="aws_instance.auth").data.decode()
    with pytest.raises(errors.UserDataUnclear, match=r"0 texts of aws_instance\.web .*\(name one of main\.tf#aws_inst"):
        conf_of.read(TERRAFORM.encode(), "main.tf", resource="aws_instance.web")


def test_texts_in_quotes_and_what_join_puts_together_are_read() -> None:
    assert lines(f"locals {{\n  user_data = {json.dumps(SCRIPT)}\n}}\n", "main.tf") == CONF
    assert lines(json.dumps({"resource": {"aws_instance": {"a": {"user_data": SCRIPT}}}}), "main.tf.json") == CONF
    join = """\
resource "aws_instance" "a" {
  user_data = join("\\n", [
    "#!/bin/bash",
    # the conf
    "[[ -d /etc/teleport.d ]] || mkdir /etc/teleport.d",
    "echo TELEPORT_ROLE=node > /etc/teleport.d/conf",
    local.more,
  ])
}
"""
    found = conf_of.read(join.encode(), "main.tf")
    assert found.data.decode().split("\n")[5] == "TELEPORT_ROLE=node"


def test_an_expression_of_terraform_that_makes_the_whole_is_named() -> None:
    text = """\
locals {
  user_data = <<-EOF
    #cloud-config
    ${yamlencode({ write_files = [{ path = "/etc/teleport.d/conf", content = "}{${local.conf}" }] })}
  EOF
}
"""
    message = refused(text, "main.tf")
    assert message.startswith("main.tf:4:5 `${yamlencode(") and "makes what writes the conf in Terraform" in message
    assert "begins here, and never ends" in refused(text.replace("})}", "})"), "main.tf")


def test_a_comment_with_something_that_only_running_tells_takes_no_warning() -> None:
    script = "#!/bin/bash\ncat > /etc/teleport.d/conf <<EOF\n# written $(date) by $WHO\nTELEPORT_ROLE=node\nEOF\n"
    found = conf_of.read(script.encode(), "user-data.sh")
    assert not found.findings and found.data.decode().split("\n")[2:4] == ["# written  by ", "TELEPORT_ROLE=node"]


def test_commands_of_su_are_followed() -> None:
    assert lines("#!/bin/bash\nsu - root -c 'echo TELEPORT_ROLE=node > /etc/teleport.d/conf'\n", "user-data.sh") == CONF


def test_a_function_in_its_long_form_follows_one_in_its_short_form() -> None:
    template = """\
Resources:
  Node:
    Properties:
      UserData: !Base64
        Fn::Sub: |
          #!/bin/bash
          echo TELEPORT_ROLE=node > /etc/teleport.d/conf
"""
    assert conf_of.read(template.encode(), "stack.yaml").data.decode().split("\n")[6] == "TELEPORT_ROLE=node"


def test_a_command_as_a_list_of_words_is_shown_where_its_lines_stand() -> None:
    text = """\
#cloud-config
runcmd:
- - bash
  - -c
  - |
    cat > /etc/teleport.d/conf <<'EOF'
    TELEPORT_ROLE=node
    EOF
- [sh, -c, "echo 'DEBUG=true' >> /etc/teleport.d/conf"]
"""
    found = conf_of.read(text.encode(), "config.yaml").data.decode().split("\n")
    assert (found[6], found[8]) == ("TELEPORT_ROLE=node", "DEBUG=true")


def test_a_blank_in_the_first_line_of_cloud_config_is_named() -> None:
    with pytest.raises(errors.UserDataUnclear) as raised:
        conf_of.read(b"# cloud-config\nwrite_files: []\n", "config.yaml")
    assert raised.value.findings[0].remedy == "write `#cloud-config` without a blank"


@pytest.mark.parametrize(
    "script",
    [
        "read -r -d '' X <<'EOF' || true\nnode\nEOF\n",
        "printf -v X '%s' node\n",
        "X=NODE\nX=${X,,}\n",
        "Y=node\n[ $Y == node ] && X=node\n",
    ],
    ids=["read", "printf", "lower case", "equals"],
)
def test_what_only_bash_has_is_open_in_a_script_for_another_shell(script: str) -> None:
    last = 'echo "TELEPORT_NODENAME=$X" > /etc/teleport.d/conf\n'
    assert lines(f"#!/bin/bash\n{script}{last}", "user-data.sh")[0].strip("'").lower().endswith("=node")
    assert lines(f"#!/bin/sh\n{script}{last}", "user-data.sh") == ["TELEPORT_NODENAME='teleport.example.com'"]


CONTENT = """\
#cloud-config
write_files:
- path: /etc/teleport.d/conf
  content: TELEPORT_ROLE=node
- path: /etc/other
  encoding: gz+b64
  content: {content}
"""
DAMAGED, BINARY = "AAAA", base64.b64encode(gzip.compress(bytes(range(256)))).decode()


def test_a_file_that_cloud_init_cannot_decode_takes_those_after_it_with_it() -> None:
    before = CONTENT.format(content=DAMAGED)
    assert lines(before, "user-data") == CONF
    head, conf, other = re.split("(?m)^(?=- )", before)
    assert "user-data:5 the content of /etc/other is not gz+b64: cloud-init stops there" in refused(
        head + other + conf, "user-data"
    )
    assert lines(head + other + conf.replace("  content", "  defer: true\n  content"), "user-data") == CONF
    assert lines(head + other.replace(DAMAGED, BINARY) + conf, "user-data") == CONF, "no text, and decoded all the same"


def test_encoded_content_around_what_is_filled_in_is_not_shown() -> None:
    encoded = base64.b64encode(b"TELEPORT_ROLE=node # canary").decode()
    text = (
        f"#cloud-config\nwrite_files:\n- path: /etc/teleport.d/conf\n  encoding: b64\n  content: {encoded}${{rest}}\n"
    )
    said = refused(text, "config.tftpl")
    assert "config.tftpl:5 `${rest}` is a part of the content, b64" in said
    assert encoded not in said
