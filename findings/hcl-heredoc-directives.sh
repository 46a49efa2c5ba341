#!/bin/sh
# Terraform's indented here-document (<<-) beside its markers that trim white space (~), by the library that reads both.
#
# Guess: <<- takes the indentation off every line, and the marker of `%{ if on ~}` then trims the end of that one line, so
#        that user-data written so has no indentation anywhere.
# Seen (github.com/hashicorp/hcl/v2 2.24.0): the marker comes first. The line after `%{ if on ~}` keeps its indentation,
#        since the end of the line before it is gone. With `%{~ if on ~}` no line loses any, since a line that is trimmed
#        to nothing counts as one without indentation. A `${v ~}` at the end of a line joins the next one to it, and that
#        keeps its blanks. A directive without markers leaves an empty line, and the indentation goes as expected.
set -eu
command -v go >/dev/null || { echo "This script needs Go, as \`go\` on PATH."; exit 2; }
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOTOOLCHAIN=local GOWORK=off GO111MODULE=on GOMODCACHE="$folder/modules"
printf 'module finding\n\ngo 1.23.0\n\nrequire github.com/hashicorp/hcl/v2 v2.24.0\n' >go.mod
cat >main.go <<'END'
package main

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var values = &hcl.EvalContext{Variables: map[string]cty.Value{"on": cty.True, "v": cty.StringVal("x")}}

func main() {
	for _, lines := range [][]string{
		{"A=1", "%{ if on }", "B=2", "%{ endif }"},
		{"A=1", "%{ if on ~}", "B=2", "%{ endif ~}"},
		{"A=1", "%{~ if on ~}", "B=2", "%{~ endif ~}"},
		{"A=${v}", "B=2"},
		{"A=${v ~}", "B=2"},
	} {
		text := "<<-EOT\n    " + strings.Join(lines, "\n    ") + "\nEOT\n"
		expression, problems := hclsyntax.ParseExpression([]byte(text), "example", hcl.InitialPos)
		if problems.HasErrors() {
			panic(problems)
		}
		value, problems := expression.Value(values)
		if problems.HasErrors() {
			panic(problems)
		}
		fmt.Printf("%s: %q\n", strings.Join(lines, ", "), value.AsString())
	}
}
END
seen=$(go run . 2>errors) || { cat errors; exit 1; }
printf '%s\n' "$seen"
cat >wanted <<'END'
A=1, %{ if on }, B=2, %{ endif }: "A=1\n\nB=2\n\n"
A=1, %{ if on ~}, B=2, %{ endif ~}: "A=1\n    B=2\n"
A=1, %{~ if on ~}, B=2, %{~ endif ~}: "    A=1\n    B=2\n"
A=${v}, B=2: "A=x\nB=2\n"
A=${v ~}, B=2: "A=x    B=2\n"
END
if [ "$seen" = "$(cat wanted)" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
