#!/bin/sh
# PyYAML's SafeLoader and CSafeLoader accept different files: tabs between tokens, which YAML allows.
#
# Guess: the C loader is the same parser, only faster, so that one may be put in the other's place.
# Seen (PyYAML 6.0.3 with the libyaml in its wheel): "a:<TAB>b", "a: b<TAB># comment" and "[1,<TAB>2]" load with
#        CSafeLoader, and raise ScannerError with SafeLoader. "[x?y]" is the same way round. Both refuse "-<TAB>a".
#        A file that a Go program or the C loader reads may thus be "invalid" for the loader that every host has.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/look.py" <<'END'
import sys

import yaml

TEXTS = ("a:\tb\n", "a: b\t# comment\n", "a: [1,\t2]\n", "a: [x?y]\n", "-\ta\n", "a: b # comment\n")


def outcome(text, loader):
    try:
        yaml.load(text, loader)
    except yaml.YAMLError as error:
        return type(error).__name__
    return "loads"


print("PyYAML", yaml.__version__, "with libyaml" if yaml.__with_libyaml__ else "without libyaml")
seen = [(outcome(text, yaml.SafeLoader), outcome(text, yaml.CSafeLoader)) for text in TEXTS]
for text, (pure, compiled) in zip(TEXTS, seen):
    print(f"  {text!r:22} SafeLoader: {pure:13} CSafeLoader: {compiled}")
sys.exit(
    seen
    != [("ScannerError", "loads")] * 3
    + [("ParserError", "loads"), ("ScannerError", "ScannerError"), ("loads", "loads")]
)
END
python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" -q install PyYAML==6.0.3
"$folder/venv/bin/python" "$folder/look.py"
