#!/bin/sh
# pip installs for another Python with --python-version, and reads the conditions of a requirement file for its own.
#
# Guess: `pip install --target DIR --python-version 3.9 -r FILE` installs what pip of Python 3.9 would: lines with
#        `python_version < "3.11"` count, and those with `>= "3.11"` do not.
# Seen (pip 26.3, on Python 3.11 and 3.13): the option chooses among the files of a release only. Lines are taken or left
#        out by the Python that runs pip, so that DIR lacks packages that the other Python needs; pip says that it ignores
#        the lines, and succeeds. A release that the other Python cannot use is still refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install pip==26.3
"$folder/venv/bin/python" -c 'import sys; print("Python", sys.version.split()[0]); sys.exit(sys.version_info < (3, 11))' \
    || { echo "This script needs Python 3.11 or newer, as \`python3\` on PATH."; exit 2; }
"$folder/venv/bin/python" -m pip --version | cut -d ' ' -f 1-2
cat >"$folder/requirements.txt" <<'END'
exceptiongroup==1.3.1 ; python_version < "3.11"
six==1.17.0 ; python_version >= "3.11"
iniconfig==2.1.0
END
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install --no-deps --only-binary=:all: \
    --python-version 3.9 --target "$folder/made" -r "$folder/requirements.txt"
for each in "$folder"/made/*.dist-info; do
    echo "installed for Python 3.9: $(basename "$each" .dist-info)"
done
refused=no
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install --no-deps --only-binary=:all: \
    --python-version 3.9 --target "$folder/other" 'iniconfig==2.3.1' >/dev/null 2>&1 || refused=yes
echo "iniconfig 2.3.1, which needs Python 3.10, is refused: $refused"
if [ -d "$folder/made/six-1.17.0.dist-info" ] && [ ! -e "$folder/made/exceptiongroup-1.3.1.dist-info" ] \
    && [ "$refused" = yes ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
