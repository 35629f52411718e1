# The usual commands. The real builds are Cargo's (library) and CMake's (C and C++).

PREFIX ?= /usr/local
BUILD_DIR := target/cmake

# Taken as it is: a password may contain "$". Never part of a recipe, so it is never shown.
override CAMERA := $(value CAMERA)
export CAMERA LISTEN

.PHONY: help build demo check test fuzz soak tsan miri deep bench install package docs cross clean

help:
	@echo 'make demo                         built-in test cameras in a browser'
	@echo 'CAMERA=rtsp://... make demo       a real camera in a browser'
	@echo '          LISTEN=ADDR:PORT        address of the web server, 127.0.0.1:8889 by default'
	@echo 'make check                        format, lints, unit tests, scenarios: in a minute'
	@echo 'make test                         all tests; these suites:'
	@scripts/test.py --list
	@echo 'make test SUITE=c                 one suite, or several: SUITE="c python"'
	@echo 'make fuzz TIME=3600               libFuzzer, so many seconds for each target'
	@echo '          TARGET=offer            one target'
	@echo 'make soak MINUTES=60              cameras, viewers and a host that misbehave; table and plot in target/soak'
	@echo 'make tsan                         the tests of threads under ThreadSanitizer'
	@echo 'make miri                         what does no I/O, under Miri'
	@echo 'make deep                         fuzz, soak, tsan and miri: some hours, once a week'
	@echo 'make bench                        all benchmarks; the results go to benches/results'
	@echo '          BENCH=--quick           coarser, in two minutes'
	@echo 'make build                        the library and the examples, in $(BUILD_DIR)'
	@echo 'make install PREFIX=/usr/local    the library, header, CMake and pkg-config files'
	@echo 'make package                      Debian packages, archive and wheel, Conan recipe, vcpkg port: target/package'
	@echo '          TARGET="TARGET..."      the same of what make cross has built for these'
	@echo 'make docs                         the reference of the C API, in target/docs/html'
	@echo 'make cross                        for Windows and ARM, with tests in emulators; in target/cross'
	@echo '          TARGET=aarch64-unknown-linux-gnu   one target of these:'
	@scripts/cross.py --list
	@echo 'make clean                        removes everything that was built'
	@echo 'build, demo, test, install, package, docs and cross install missing Debian packages with apt.'

build:
	@scripts/setup.sh build
	cmake -S . -B $(BUILD_DIR) -DCMAKE_BUILD_TYPE=Release -DRTSP_WEBRTC_GATEWAY_BUILD_EXAMPLES=ON \
		-DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=OFF -DRTSP_WEBRTC_GATEWAY_TARGET_DIR=$(CURDIR)/target
	cmake --build $(BUILD_DIR) --parallel

demo:
	@scripts/setup.sh build
	cargo build --locked --release --package serve
	cargo build --locked --release --package testkit --bin camsim
	@scripts/demo.sh

check:
	@scripts/test.py check

test:
	@scripts/setup.sh test
	@scripts/test.py $(SUITE)

fuzz:
	@scripts/setup.sh build
	@scripts/fuzz.sh $(or $(TIME),60) $(TARGET)

soak:
	@scripts/setup.sh build
	SOAK_MINUTES=$(or $(MINUTES),60) cargo test --locked --release --test soak

tsan:
	@scripts/tsan.sh

miri:
	@scripts/miri.sh

deep:
	@scripts/setup.sh build
	@scripts/deep.sh $(TIME) $(MINUTES)

bench:
	cargo bench --locked --bench load -- $(BENCH)
	cargo bench --locked --bench micro -- $(BENCH)

install: build
	cmake --install $(BUILD_DIR) --prefix '$(PREFIX)'

package:
	@scripts/setup.sh package
	@scripts/package.sh target/package $(TARGET)

docs:
	@scripts/setup.sh docs
	@scripts/docs.sh

cross:
	@scripts/setup.sh cross
	@scripts/cross.py $(TARGET)

clean:
	rm -rf target tests/browser/node_modules
