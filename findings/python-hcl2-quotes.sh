#!/bin/sh
# python-hcl2 8 returns string literals with their quotes, and the labels of blocks as keys with theirs.
#
# Guess: `a = "x"` parses to {"a": "x"}, as with the 4.x releases and as HCL's own JSON form says.
# Seen:  8.1.4 gives {"a": '"x"'} and {"resource": [{'"type"': {'"name"': ...}}]}; 4.3.5 gives plain strings. A look-up
#        by the plain name finds nothing and raises nothing if the caller uses .get().
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/look.py" <<'END'
import importlib.metadata
import sys

import hcl2

found = hcl2.loads('a = "x"\nresource "type" "name" {\n  key = "value"\n}\n')
print("python-hcl2", importlib.metadata.version("python-hcl2"), found)
sys.exit([found["a"], list(found["resource"][0])] != sys.argv[1:2] + [sys.argv[2:3]])
END
python3 -m venv "$folder/old" && "$folder/old/bin/pip" -q install python-hcl2==4.3.5
python3 -m venv "$folder/new" && "$folder/new/bin/pip" -q install python-hcl2==8.1.4
"$folder/old/bin/python" "$folder/look.py" x type
"$folder/new/bin/python" "$folder/look.py" '"x"' '"type"'
