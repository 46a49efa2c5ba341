#!/bin/sh
# python-zstandard and a file of several Zstandard frames, which `cat a.zst b.zst` or a parallel compressor makes.
#
# Guess: like the zstd program and Python's gzip and bz2, it decompresses all frames; or, if it stops at the first, all
#        of its functions do.
# Seen (0.25.0): decompress() and read_to_iter() return the first frame and drop the rest without an error;
#        stream_reader().read(), open() and copy_stream() return everything.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/look.py" <<'END'
import io
import sys

import zstandard

two = zstandard.ZstdCompressor().compress(b"first ") + zstandard.ZstdCompressor().compress(b"second")
copied = io.BytesIO()
zstandard.ZstdDecompressor().copy_stream(io.BytesIO(two), copied)
with zstandard.open(io.BytesIO(two), "rb") as file:
    opened = file.read()
seen = {
    "decompress()": zstandard.ZstdDecompressor().decompress(two),
    "read_to_iter()": b"".join(zstandard.ZstdDecompressor().read_to_iter(io.BytesIO(two))),
    "stream_reader().read()": zstandard.ZstdDecompressor().stream_reader(io.BytesIO(two)).read(),
    "open()": opened,
    "copy_stream()": copied.getvalue(),
}
print("zstandard", zstandard.__version__)
for name, value in seen.items():
    print(f"  {name}: {value!r}")
sys.exit(list(seen.values()) != [b"first "] * 2 + [b"first second"] * 3)
END
python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" -q install zstandard==0.25.0
"$folder/venv/bin/python" "$folder/look.py"
