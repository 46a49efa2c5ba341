#!/bin/sh
# The bytes of Python's gzip depend on the version of Python, with the same zlib, level and time.
#
# Guess: gzip.compress(data, 9, mtime=0) is reproducible: RFC 1952 leaves nothing else open, and a GzipFile with the same
#        settings writes the same header.
# Seen (Python 3.11, 3.12, 3.13 and 3.14, zlib 1.2.13 and 1.3): byte 9 of the header, the system, is 3 (Unix) in 3.11 and
#        3.12, and 255 (unknown) from 3.13 on. GzipFile writes 255 in all of them, so that two ways in one Python differ.
#        zlib.compress(data, 9, wbits=31) says 3 in all of them. What follows the header is the same everywhere.
# zlib.compress has no wbits before 3.11. The library is part of Python: the version is that of `python3` on PATH.
set -eu
exec python3 - <<'END'
import gzip
import io
import sys
import zlib

if sys.version_info < (3, 11):
    print("This script needs Python 3.11 or newer, as `python3` on PATH.")
    sys.exit(2)
text = b"a package that is built twice\n" * 20
file = io.BytesIO()
with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=9, mtime=0) as writer:
    writer.write(text)
function, written, plain = gzip.compress(text, 9, mtime=0), file.getvalue(), zlib.compress(text, 9, 31)
print(f"Python {sys.version.split()[0]}, zlib {zlib.ZLIB_RUNTIME_VERSION}")
for name, made in (("gzip.compress", function), ("gzip.GzipFile", written), ("zlib.compress", plain)):
    print(f"{name}: header {made[:10].hex()}, system {made[9]}")
same = (function[9], written[9], plain[9]) == (3 if sys.version_info < (3, 13) else 255, 255, 3)
same = same and function[10:] == written[10:] == plain[10:]
print("as described above" if same else "this differs from what is described above")
sys.exit(not same)
END
