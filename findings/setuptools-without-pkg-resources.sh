#!/bin/sh
# With the newest setuptools, a package that uses pkg_resources and does not say so is installed, and cannot be imported.
#
# Guess: where `pip check` is content, a package can be imported; and what will be removed is announced by a
#        DeprecationWarning, which `-W error::DeprecationWarning` turns into an error.
# Seen (parliament 1.6.4, setuptools 80.9.0 and 84.0.0): `pip check` is content with both. With 80.9.0 the import gives a
#        UserWarning, which such a filter does not see; with 84.0.0 it fails, for pkg_resources has gone.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
seen=
for release in 80.9.0 84.0.0; do
    python3 -m venv "$folder/$release"
    "$folder/$release/bin/python" -m pip -q --disable-pip-version-check install parliament==1.6.4 "setuptools==$release"
    checked=no
    "$folder/$release/bin/python" -m pip -q --disable-pip-version-check check >/dev/null && checked=yes
    said=$("$folder/$release/bin/python" -W error::DeprecationWarning -c 'import parliament' 2>&1) || :
    kind=nothing
    case $said in
        *"ModuleNotFoundError: No module named 'pkg_resources'"*) kind=ModuleNotFoundError ;;
        *UserWarning:*) kind=UserWarning ;;
    esac
    line="setuptools $release: pip check is content: $checked; the import gives $kind"
    echo "$line"
    seen="$seen$line
"
done
wanted="setuptools 80.9.0: pip check is content: yes; the import gives UserWarning
setuptools 84.0.0: pip check is content: yes; the import gives ModuleNotFoundError
"
if [ "$seen" = "$wanted" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
