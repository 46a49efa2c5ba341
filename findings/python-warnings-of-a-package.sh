#!/bin/sh
# A filter of warnings that names a package: the same text means two things to Python and pytest, in three places.
#
# Guess: `error::DeprecationWarning:package` makes errors of the warnings of the package and of what is in it, whether it
#        is in PYTHONWARNINGS, in pytest's option -W or in its setting `filterwarnings`.
# Seen (Python 3.11 and 3.13, pytest 9.2.0): in PYTHONWARNINGS and in -W, of Python and of pytest alike, it is the whole
#        name of one module, and a warning of package.module passes in silence. In `filterwarnings` it is a regular
#        expression for the beginning of the name, and the same warning is an error. Without a name all agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install pytest==9.2.0
cd "$folder"
mkdir package
: >package/__init__.py
printf 'import warnings\n\n\ndef old():\n    warnings.warn("old", DeprecationWarning)\n' >package/module.py
printf 'from package import module\n\n\ndef test():\n    module.old()\n' >test_it.py
python=$folder/venv/bin/python
"$python" -c 'import sys; print("Python", sys.version.split()[0])'
"$python" -m pytest --version
# Prints what becomes of the warning: an error, or nothing.
result() {
    if "$@" >/dev/null 2>&1; then printf 'passes '; else printf 'error '; fi
}
seen=''
for filter in error::DeprecationWarning:package error::DeprecationWarning:package.module error::DeprecationWarning; do
    printf '[pytest]\nfilterwarnings = %s\n' "$filter" >setting.ini
    : >empty.ini
    line=$(
        result env PYTHONWARNINGS="$filter" "$python" -c 'from package import module; module.old()'
        result "$python" -W "$filter" -c 'from package import module; module.old()'
        result "$python" -m pytest -c empty.ini -W "$filter" test_it.py
        result "$python" -m pytest -c setting.ini test_it.py
    )
    echo "$filter: PYTHONWARNINGS, python -W, pytest -W, filterwarnings: $line"
    seen="$seen$line/"
done
[ "$seen" = "passes passes passes error /error error error error /error error error error /" ] \
    || { echo "this differs from what is described above"; exit 1; }
echo "as described above"
