#!/usr/bin/python3
"""Writes a zip archive of what is in a folder: the same files give the same bytes.

Usage: zip.py ARCHIVE FOLDER EPOCH
"""

import os
import sys
import time
import zipfile
from pathlib import Path

archive, folder = Path(sys.argv[1]), Path(sys.argv[2])
# A zip begins in 1980.
date = time.gmtime(max(int(sys.argv[3]), 315532800))[:6]
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
        file.writestr(entry, path.read_bytes())
