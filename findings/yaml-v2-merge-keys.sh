#!/bin/sh
# Go's yaml.v2 with UnmarshalStrict, and a mapping that sets a key which it also takes over with the merge key `<<`.
#
# Guess: the mapping's own key wins over the merged one wherever it stands, as the description of the merge key says and
#        as PyYAML does; strictness is about keys that are written twice.
# Seen (yaml.v2 2.4.0, PyYAML 6.0.3): it depends on the type in the program. Into a Go map, the override is refused with
#        'key "a" already set in map', and so are two `<<` that bring the same key. Into a struct both load, and what
#        stands later in the file wins: a `<<` below the key overrides the key. PyYAML takes the own key in each order,
#        and with two `<<` the later one. Two `<<` without a common key load everywhere, though `<<` is there twice.
set -eu
command -v go >/dev/null || { echo "This script needs Go, as \`go\` on PATH."; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOMODCACHE="$folder/modules" GOFLAGS='-modcacherw -mod=mod' GOTOOLCHAIN=local GOWORK=off GO111MODULE=on
printf 'module finding\n\ngo 1.20\n\nrequire gopkg.in/yaml.v2 v2.4.0\n' >go.mod
cat >main.go <<'END'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v2"
)

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	found := [][2]string{}
	for _, text := range texts {
		var inMap struct{ One, Two, Use map[string]int }
		var inStruct struct{ One, Two, Use struct{ A, B int } }
		asMap, asStruct := "refused", "refused"
		if err := yaml.UnmarshalStrict([]byte(text), &inMap); err == nil {
			asMap = fmt.Sprintf("a=%d b=%d", inMap.Use["a"], inMap.Use["b"])
		} else if !strings.Contains(err.Error(), `key "a" already set in map`) {
			panic(err)
		}
		if err := yaml.UnmarshalStrict([]byte(text), &inStruct); err == nil {
			asStruct = fmt.Sprintf("a=%d b=%d", inStruct.Use.A, inStruct.Use.B)
		}
		found = append(found, [2]string{asMap, asStruct})
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
END
cat >look.py <<'END'
import json
import subprocess
import sys

import yaml

CASES = {  # the mapping, and what is expected of a Go map, a Go struct and PyYAML
    "key below <<": ("one: &one {a: 1, b: 1}\nuse:\n  <<: *one\n  a: 3\n", ["refused", "a=3 b=1", "a=3 b=1"]),
    "key above <<": ("one: &one {a: 1, b: 1}\nuse:\n  a: 3\n  <<: *one\n", ["refused", "a=1 b=1", "a=3 b=1"]),
    "two <<, same key": (
        "one: &one {a: 1, b: 1}\ntwo: &two {a: 2}\nuse:\n  <<: *one\n  <<: *two\n", ["refused", "a=2 b=1", "a=2 b=1"]
    ),
    "two <<, other keys": ("one: &one {a: 1}\ntwo: &two {b: 2}\nuse:\n  <<: *one\n  <<: *two\n", ["a=1 b=2"] * 3),
}
texts = json.dumps([text for text, _ in CASES.values()])
answers = json.loads(subprocess.run(["./look"], input=texts, capture_output=True, text=True, check=True).stdout)
same = True
print("yaml.v2 2.4.0, PyYAML", yaml.__version__)
for (name, (text, expected)), pair in zip(CASES.items(), answers):
    seen = [*pair, "a={a} b={b}".format(**yaml.safe_load(text)["use"])]
    print(f"  {name:18}  Go map: {seen[0]:8} Go struct: {seen[1]:8} PyYAML: {seen[2]}")
    same = same and seen == expected
sys.exit(not same)
END
go build -o look .
python3 -m venv venv && venv/bin/pip -q install PyYAML==6.0.3
venv/bin/python look.py
