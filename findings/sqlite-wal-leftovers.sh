#!/bin/sh
# SQLite's WAL mode and what a reader leaves behind.
#
# Guess: opening a cleanly closed WAL database read-only changes nothing in its directory, and a copy made with the
#        online backup API is an ordinary database file.
# Seen (SQLite 3.54.1, as packed in apsw): a read-only connection creates NAME-wal and NAME-shm, and both stay when it
#        closes, because only a connection that may write removes them. A copy by the backup API carries the WAL mark
#        of its source (header bytes 18 and 19 are 2), so reading the copy does the same again; VACUUM INTO resets it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/look.py" <<'END'
import os
import sys

import apsw

folder = sys.argv[1]
path = os.path.join(folder, "a.db")


def names():
    return sorted(os.listdir(folder))


def mark(name):
    with open(os.path.join(folder, name), "rb") as file:
        return tuple(file.read(20)[18:20])


writer = apsw.Connection(path)
for statement in ("PRAGMA journal_mode=wal", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)"):
    list(writer.execute(statement))
writer.close()
closed = names()
reader = apsw.Connection(f"file:{path}?mode=ro", flags=apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY)
list(reader.execute("SELECT * FROM t"))
reader.close()
left = names()
source, copy = apsw.Connection(path), apsw.Connection(os.path.join(folder, "copy.db"))
with copy.backup("main", source, "main") as backup:
    backup.step(-1)
list(source.execute(f"VACUUM INTO '{folder}/vacuumed.db'"))
source.close()
copy.close()
print("SQLite", apsw.sqlite_lib_version())
print("  closed by its writer:", closed)
print("  after a read-only connection:", left)
print("  header of the backup API's copy:", mark("copy.db"), "and of VACUUM INTO:", mark("vacuumed.db"))
sys.exit(
    (closed, left) != (["a.db"], ["a.db", "a.db-shm", "a.db-wal"])
    or (mark("copy.db"), mark("vacuumed.db")) != ((2, 2), (1, 1))
)
END
mkdir "$folder/data"
python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" -q install apsw==3.54.1.0
"$folder/venv/bin/python" "$folder/look.py" "$folder/data"
