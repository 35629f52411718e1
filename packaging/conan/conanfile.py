"""Conan 2: the library, from the archive for the platform, which conandata.yml names."""

import re
from pathlib import Path

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, get

ARCHITECTURES = {"x86_64": "x86_64", "armv8": "aarch64", "armv7hf": "armv7l"}


class RtspWebrtcGateway(ConanFile):
    name = "rtsp_webrtc_gateway"
    description = "Embeddable gateway from RTSP cameras to WebRTC (WHEP) viewers"
    license = "MIT"
    package_type = "library"
    settings = "os", "arch", "compiler"
    options = {"shared": [True, False]}
    default_options = {"shared": True}

    def set_version(self):
        (self.version,) = self.conan_data["sources"]

    def package_id(self):
        # The ABI is plain C, and no C runtime is shared: any compiler links the shared library.
        del self.info.settings.compiler

    def _archive(self):
        arch = ARCHITECTURES.get(str(self.settings.arch))
        return self.conan_data["sources"][self.version].get(f"{self.settings.os}-{arch}".lower())

    def validate(self):
        if self._archive() is None:
            raise ConanInvalidConfiguration(f"there is no archive for {self.settings.os} on {self.settings.arch}")
        if self.settings.compiler == "msvc" and not self.options.shared:
            raise ConanInvalidConfiguration("there is no static library for MSVC: use shared=True")

    def build(self):
        get(self, **self._archive(), strip_root=True)

    def package(self):
        build, package = self.build_folder, self.package_folder
        shared, static = ("*.so*", "*.dll", "*.dll.a", "*.dll.lib"), ("librtsp_webrtc_gateway.a",)
        for pattern in shared if self.options.shared else static:
            copy(self, pattern, Path(build, "lib"), Path(package, "lib"))
            copy(self, pattern, Path(build, "bin"), Path(package, "bin"))
        copy(self, "*", Path(build, "include"), Path(package, "include"))
        copy(self, "*", Path(build, "lib", "pkgconfig"), Path(package, "lib", "pkgconfig"))
        copy(self, f"{self.name}.cdx.json", Path(build, "share", "sbom"), Path(package, "share", "sbom"))
        copy(self, "*", Path(build, "share", "licenses", self.name), Path(package, "licenses"))

    def package_info(self):
        info = self.cpp_info
        info.set_property("cmake_file_name", self.name)
        info.set_property("cmake_target_name", f"{self.name}::{self.name}")
        info.set_property("pkg_config_name", self.name)
        info.libs = [self.name]
        if self.options.shared and self.settings.os == "Windows" and self.settings.compiler == "msvc":
            info.libs = [f"{self.name}.dll"]
        if not self.options.shared:
            info.defines = ["RTSP_WEBRTC_GATEWAY_STATIC"]
            text = Path(self.package_folder, "lib", "pkgconfig", f"{self.name}.pc").read_text()
            info.system_libs = re.findall(r"-l(\S+)", re.search(r"^Libs\.private:(.*)", text, re.M)[1])
