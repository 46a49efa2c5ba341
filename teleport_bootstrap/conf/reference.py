"""The conf reference in docs/, made from the grammar's and the variables' own declarations.

python -m teleport_bootstrap.conf.reference > docs/conf-reference.md
"""

from __future__ import annotations

import re
import sys

from teleport_bootstrap.conf import variables
from teleport_bootstrap.conf.variable import EVERY_ROLE, Variable
from teleport_bootstrap.hints import Any

_GRAMMAR = """# The conf: `/etc/teleport.d/conf`

<!-- Made by `python -m teleport_bootstrap.conf.reference`; change it there. -->

For everyone who writes user-data: the variables of the conf, from which teleport-bootstrap generates Teleport's
configuration, and how to write them. Check a conf before you use it:

```sh simulated:validate
teleport-bootstrap validate ./conf
```

It looks like a shell script of assignments and has the meaning that bash would give it, but it is read as data: nothing
in it is run. Anything that bash would run, or expand in a way not shown here, is refused with its line and column.

User-data that writes the conf with `cat >/etc/teleport.d/conf <<'EOF'` leaves its text alone; with a plain `<<EOF` the
shell that runs user-data expands `$`, backticks and backslashes first.

## How to write it

```sh checked:grammar
# A comment, or an empty line
TELEPORT_DOMAIN_NAME=teleport.example.com
export USE_ACM="true"                            # export changes nothing
TELEPORT_AGENT_APP_DESCRIPTION='costs $5, "net"' # everything in single quotes is literal
TELEPORT_AGENT_DB_DESCRIPTION="costs \\$5, \\"net\\"" # in double quotes, \\ makes $ ` " \\ literal
BASE=example.com                                 # a name of your own, to be used below
TELEPORT_AUTH_SERVER_LB="auth.$BASE"             # $NAME or ${NAME}, of what an earlier line sets
TELEPORT_SSH_LABELS="env: prod\\
|team: core"                                     # a backslash at the end of a line joins the next one to it
```

| also fine | what it means |
|---|---|
| `A=a"b"'c'` | pieces side by side are one value, `abc` |
| `A=a\\ b` | outside quotes, a backslash makes the next character literal |
| `A=1 B=2` | several assignments on a line |
| `A=1`, then `A=2` | the last one counts; a warning names both lines |
| `A=` or `A=""` | the same as not set, except for `TELEPORT_COMMAND_LABELS` |
| `A=it#1` | `#` begins a comment only at the beginning of a word |
| `A="two` ⏎ `lines"` | a quoted value can span lines; few variables accept one |
| a byte order mark, CRLF line ends | ignored |

| refused | write instead |
|---|---|
| `A=$(hostname)`, `` A=`hostname` ``, `A=$((1+2))` | the result; user-data can compute it before it writes the conf |
| `A=${B:-c}`, `A=$1`, `A=$'a\\n'` | the value, or `${B}` alone |
| `A=$B` where no earlier line sets `B` | an assignment of `B` above it; variables of the environment do not count |
| `A=$5` | `A=\\$5` or `A='$5'` |
| `A=~/x`, `A=a:~` | the whole path, or quotes |
| `export A={a,b}` | quotes: bash expands braces after `export` |
| `A=(a b)`, `A[0]=a`, `A+=a` | one plain value |
| `A = 1` | `A=1`, without blanks |
| `A=a b` | `A="a b"`: without quotes bash would run `b` |
| `A=1; B=2`, `A=1 && B=2`, pipes, redirections, here-documents | one assignment on each line |
| `if`, loops, functions, `unset`, `declare`, `source`, any other command | only assignments |
| `PATH=…`, `UID=…`, `IFS=…` and other names the shell itself uses | another name |
| control characters, bytes that are not UTF-8, lines over 64 KiB | |

A name that resembles `TELEPORT_ROLE`, such as that name mistyped or `ROLE=node`, is an error, and so is a conf that
assigns no variable of this page: either would become an all-in-one. Other names beginning with `TELEPORT_`, `USE_` or
`EC2_` that are not listed below are ignored with a warning, in case one is mistyped. So are names that resemble one of
those below or lack its beginning, unless a later line uses them. All other names are yours.

## Types

| type | what it takes |
|---|---|
| true or false | `true`, `yes`, `1`, `false`, `no`, `0`, in upper or lower case |
| port | a whole number from 1 to 65535 |
| DNS name | letters, digits, hyphens and dots: no `https://`, port, path, wildcard or dot at the end |
| IP address | IPv4, or IPv6 without brackets |
| text | one line, any characters that print |
| labels | see [Labels](#labels) |
| secret | one word; never shown in any output |
"""


def markdown() -> str:
    """Return the whole reference, ending with a line feed."""
    lines = [_GRAMMAR]
    for group in variables.GROUPS:
        lines += [f"## {group.title}", "", group.introduction, "", *map(_variable, group.variables)]
    return "\n".join(lines)


def _variable(variable: Variable[Any]) -> str:
    listed = [f"- {name}: {fact}" for name, fact in facts(variable)]
    return "\n".join([f"### `{variable.name}`", "", variable.help, "", *listed, ""])


def facts(variable: Variable[Any]) -> list[tuple[str, str]]:
    """Return what the manual lists of a variable besides its meaning: names and sentences, in Markdown."""
    roles = "every role" if variable.roles == EVERY_ROLE else ", ".join(role.value for role in variable.roles)
    required = ("Required", variable.required_words)
    named = [("Type", variable.kind.name), ("Roles", roles), required, ("Default", variable.default_words)]
    return [(name, fact) for name, fact in (*named, ("Since", variable.since)) if fact]


def plain(text: str) -> str:
    """Return Markdown `text` as it reads without marks for code and links."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "")


if __name__ == "__main__":
    sys.stdout.write(markdown())
