#!/bin/sh
# tfparse, the evaluator of Trivy as a library, and user-data that comes from a file beside the module.
#
# Guess: what reads a file is evaluated for each function alike: file() and templatefile() both give the text, or both
#        give an error because files are not read.
# Seen (tfparse 0.6.22): file() gives the text. templatefile() and templatestring() are null, without an error, also with
#        stop_on_hcl_error, so that user_data = templatefile(…) looks like an instance without user-data.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install tfparse==0.6.22
mkdir "$folder/module"
cat >"$folder/module/user-data.tftpl" <<'END'
ROLE=${role}
END
cat >"$folder/module/main.tf" <<'END'
locals {
  plain    = file("${path.module}/user-data.tftpl")
  filled   = templatefile("${path.module}/user-data.tftpl", { role = "auth" })
  by_text  = templatestring(file("${path.module}/user-data.tftpl"), { role = "auth" })
}
END
seen=$("$folder/venv/bin/python" - "$folder/module" <<'END'
import sys
import tfparse

(found,) = tfparse.load_from_path(sys.argv[1], stop_on_hcl_error=True)["locals"]
print([found[name] for name in ("plain", "filled", "by_text")])
END
)
printf '%s\n' "$seen"
if [ "$seen" = "['ROLE=\${role}\\n', None, None]" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
