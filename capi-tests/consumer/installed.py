"""The module and the library that it loaded are both below the prefix that is the argument."""

import sys
from pathlib import Path

import rtsp_webrtc_gateway as module

prefix = Path(sys.argv[1]).resolve()
loaded = {
    Path(line.split()[-1]).resolve()
    for line in Path("/proc/self/maps").read_text().splitlines()
    if "librtsp_webrtc_gateway" in line
}
assert Path(module.__file__).resolve().is_relative_to(prefix), module.__file__
assert loaded and all(path.is_relative_to(prefix) for path in loaded), loaded
with module.Gateway(udp_bind="127.0.0.1:0") as gateway:
    assert gateway.list_streams() == []
print("loaded", *loaded)
