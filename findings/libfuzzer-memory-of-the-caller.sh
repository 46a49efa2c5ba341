#!/bin/sh
# libFuzzer counts the memory of the process that has started it against -rss_limit_mb.
#
# Guess: the limit is about what the fuzzed program itself takes, as its manual says.
# Seen (atheris 3.0.0 on Linux 6.18, 3.1.0 with Python 3.13 and newer): started by a process that once took 700 MiB, and
#        had freed it, a target that does nothing ends with "out-of-memory (used: 710Mb; limit: 512Mb)".
#        It reads getrusage's ru_maxrss, which Linux carries over at execve(). With a shell in between that waits, the
#        peak is the shell's, and the same run ends well.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/target.py" <<'END'
import sys

import atheris

atheris.Setup(sys.argv, lambda data: None)
atheris.Fuzz()
END
cat >"$folder/caller.py" <<'END'
import subprocess
import sys

bytearray(700 * 1024**2)  # freed at once
run = [sys.executable, sys.argv[1], "-rss_limit_mb=512", "-max_total_time=4"]
direct = subprocess.run(run, capture_output=True, text=True)
apart = subprocess.run(["/bin/sh", "-c", '"$@"; exit $?', "sh", *run], capture_output=True, text=True)
said = [line for line in direct.stderr.splitlines() if "out-of-memory" in line]
print(f"direct: status {direct.returncode}, {said[:1]}; with a shell in between: status {apart.returncode}")
sys.exit(not (direct.returncode and said and apart.returncode == 0))
END
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install 'atheris==3.0.0; python_version < "3.13"' 'atheris==3.1.0; python_version >= "3.13"'
cd "$folder" # where libFuzzer writes the input that made it fail
"$folder/venv/bin/python" "$folder/caller.py" "$folder/target.py"
