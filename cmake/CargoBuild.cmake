# Builds with cargo, and lays the result out under lib/ as it will be installed.
# Runs on Linux, also for the targets of cmake/toolchains; the branches for MSVC and macOS follow cargo's conventions
# and await a machine.
include(${CMAKE_CURRENT_LIST_DIR}/Targets.cmake)

find_program(CARGO cargo HINTS ENV CARGO_HOME $ENV{HOME}/.cargo PATH_SUFFIXES bin REQUIRED)
set(RTSP_WEBRTC_GATEWAY_TARGET_DIR "${PROJECT_BINARY_DIR}/cargo" CACHE PATH
  "Target directory of cargo; several build trees may share one")
set(RTSP_WEBRTC_GATEWAY_CARGO_TARGET "" CACHE STRING
  "Target of rustc to build for, such as aarch64-unknown-linux-gnu; empty: this machine")
set(RTSP_WEBRTC_GATEWAY_CARGO_OPTIONS "" CACHE STRING "More options of cargo build, such as -Zbuild-std")

# What there is to link with. rustc makes no shared libraries that need musl.
set(kinds shared static)
if(RTSP_WEBRTC_GATEWAY_CARGO_TARGET MATCHES "-musl")
  set(kinds static)
endif()

# What the static library needs from the system, as `rustc --print native-static-libs` says
# (capi-tests/native_libs.cmake checks that for Linux).
if(WIN32)
  set(RTSP_WEBRTC_GATEWAY_NATIVE_LIBS
    bcrypt advapi32 kernel32 ntdll userenv ws2_32 dbghelp iphlpapi synchronization)
elseif(APPLE)
  set(RTSP_WEBRTC_GATEWAY_NATIVE_LIBS "-framework Security" "-framework CoreFoundation" System m)
elseif(RTSP_WEBRTC_GATEWAY_CARGO_TARGET MATCHES "-musl")
  set(RTSP_WEBRTC_GATEWAY_NATIVE_LIBS c)
else()
  set(RTSP_WEBRTC_GATEWAY_NATIVE_LIBS gcc_s util rt pthread m dl c)
endif()

# One switch per feature of cargo that a build may leave out.
set(cargo_features "")
set(kept "")
foreach(feature http transcode-audio)
  string(TOUPPER "RTSP_WEBRTC_GATEWAY_${feature}" option)
  string(REPLACE "-" "_" option "${option}")
  if(${option})
    list(APPEND kept --features ${feature})
  else()
    set(cargo_features --no-default-features)
  endif()
endforeach()
if(cargo_features)
  list(APPEND cargo_features ${kept})
endif()
if(RTSP_WEBRTC_GATEWAY_FIPS)
  list(APPEND cargo_features --features rtsp_webrtc_gateway/fips)
endif()

# Debug is cargo's dev profile; every other configuration, also none, is an optimized build.
set(debug $<CONFIG:Debug>)
set(profile release)
if(RTSP_WEBRTC_GATEWAY_SMALL)
  set(profile small)
endif()
set(built "${RTSP_WEBRTC_GATEWAY_TARGET_DIR}/$<IF:${debug},debug,${profile}>")
set(cargo_options ${RTSP_WEBRTC_GATEWAY_CARGO_OPTIONS})
if(RTSP_WEBRTC_GATEWAY_CARGO_TARGET)
  string(REPLACE "/$<" "/${RTSP_WEBRTC_GATEWAY_CARGO_TARGET}/$<" built "${built}")
  list(APPEND cargo_options --target ${RTSP_WEBRTC_GATEWAY_CARGO_TARGET})
endif()
# Where the crates lie is in the messages of panics: the same bytes on every machine need the same name for it. As an
# option, since RUSTFLAGS would take the place of flags that the user has set. Debug builds share what cargo has built
# without.
set(cargo_home "$ENV{CARGO_HOME}")
if(NOT cargo_home)
  set(cargo_home "$ENV{HOME}$ENV{USERPROFILE}/.cargo")
endif()
set(remap "--config=build.rustflags=['--remap-path-prefix=${cargo_home}=/cargo']")
list(APPEND cargo_options "$<$<NOT:${debug}>:${remap}>")
set(staged "${PROJECT_BINARY_DIR}/lib")
set(staged_debug "${PROJECT_BINARY_DIR}/debug")
rtsp_webrtc_gateway_file_names(${PROJECT_VERSION})

# GNU binutils, for what only they do.
set(binutils FALSE)
if((MINGW OR UNIX AND NOT APPLE) AND CMAKE_LINKER AND CMAKE_OBJCOPY AND CMAKE_READELF)
  execute_process(COMMAND ${CMAKE_LINKER} --version OUTPUT_VARIABLE linker ERROR_QUIET)
  if(linker MATCHES "^GNU ld")
    set(binutils TRUE)
  endif()
endif()
set(can_localize FALSE)
if(binutils AND UNIX)
  set(can_localize TRUE)
endif()
option(RTSP_WEBRTC_GATEWAY_LOCALIZE_SYMBOLS
  "Hide all symbols of the static library but its own API (GNU binutils for ELF)" ${can_localize})
if(RTSP_WEBRTC_GATEWAY_LOCALIZE_SYMBOLS AND NOT can_localize)
  message(FATAL_ERROR "RTSP_WEBRTC_GATEWAY_LOCALIZE_SYMBOLS needs GNU ld and objcopy for ELF")
endif()

if(binutils)
  set(stage_shared ${CMAKE_COMMAND} -D "BUILT=${built}/${link}" -D "STAGED=${staged}/${shared}"
    -D "DEBUG_DIR=${staged_debug}" -D "OBJCOPY=${CMAKE_OBJCOPY}" -D "READELF=${CMAKE_READELF}"
    -P "${CMAKE_CURRENT_LIST_DIR}/SplitSymbols.cmake")
else()
  set(stage_shared ${CMAKE_COMMAND} -E copy_if_different "${built}/${link}" "${staged}/${shared}")
endif()
set(stage "")
set(byproducts "${staged}/${static}")
if(kinds STREQUAL "static")
  # Nothing more.
elseif(WIN32)
  set(stage
    COMMAND ${stage_shared}
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${implib}" "${staged}/${implib}")
  list(APPEND byproducts "${staged}/${shared}" "${staged}/${implib}")
  if(MINGW AND CMAKE_DLLTOOL)
    # For programs of MSVC, which cannot use the one that ld has made.
    list(APPEND stage COMMAND ${CMAKE_COMMAND} -D "DLL=${staged}/${shared}" -D "DLLTOOL=${CMAKE_DLLTOOL}"
      -D "HEADER=${PROJECT_SOURCE_DIR}/include/rtsp_webrtc_gateway.h"
      -P "${CMAKE_CURRENT_LIST_DIR}/ImportLibrary.cmake")
    set(msvc_files "${staged}/${shared}.lib" "${staged}/rtsp_webrtc_gateway.def")
    list(APPEND byproducts ${msvc_files})
  endif()
else()
  set(stage
    COMMAND ${stage_shared}
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${shared} "${staged}/${soname}"
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${soname} "${staged}/${link}")
  list(APPEND byproducts "${staged}/${shared}" "${staged}/${soname}" "${staged}/${link}")
endif()

set(RTSP_WEBRTC_GATEWAY_UNWINDER "" CACHE FILEPATH
  "A static library to be part of ours, with LOCALIZE_SYMBOLS: the unwinder, where a C compiler has none for musl")
set(built_static "${built}/${static}")
set(localize "")
if(RTSP_WEBRTC_GATEWAY_LOCALIZE_SYMBOLS)
  set(built_static "${PROJECT_BINARY_DIR}/localized/${static}")
  set(localize COMMAND ${CMAKE_COMMAND} -D "BUILT=${built}/${static}" -D "STAGED=${built_static}"
    -D "HEADER=${PROJECT_SOURCE_DIR}/include/rtsp_webrtc_gateway.h" -D "KEEP_DEBUG=${debug}"
    -D "UNWINDER=${RTSP_WEBRTC_GATEWAY_UNWINDER}"
    -D "LD=${CMAKE_LINKER}" -D "OBJCOPY=${CMAKE_OBJCOPY}" -D "AR=${CMAKE_AR}"
    -P "${CMAKE_CURRENT_LIST_DIR}/LocalizeSymbols.cmake")
endif()

# Library and program at once: in a build of its own the program would have others of the features of tokio, and so
# compile the library once more.
set(build build --package rtsp_webrtc_gateway --lib)
if(RTSP_WEBRTC_GATEWAY_BUILD_PROGRAM)
  list(APPEND build --package serve --bin rtsp-webrtc-gateway)
elseif(RTSP_WEBRTC_GATEWAY_SMALL)
  # Without the third kind of library that Cargo.toml names, that of Rust, cargo optimizes across crates (LTO).
  string(REPLACE "shared" "cdylib" types "${kinds}")
  string(REPLACE "static" "staticlib" types "${types}")
  string(REPLACE ";" "$<COMMA>" types "${types}")
  set(build $<IF:${debug},build,rustc> --package rtsp_webrtc_gateway --lib $<$<NOT:${debug}>:--crate-type=${types}>)
endif()

# Always run: cargo knows what is out of date.
add_custom_target(rtsp_webrtc_gateway_cargo ALL
  COMMAND ${CMAKE_COMMAND} -E env "CARGO_TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR}"
    ${CARGO} ${build} --locked --profile $<IF:${debug},dev,${profile}> ${cargo_features} ${cargo_options}
  COMMAND ${CMAKE_COMMAND} -E make_directory "${staged}"
  ${stage}
  ${localize}
  COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built_static}" "${staged}/${static}"
  BYPRODUCTS ${byproducts}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "cargo build"
  USES_TERMINAL VERBATIM COMMAND_EXPAND_LISTS)

foreach(kind IN LISTS kinds)
  cmake_language(CALL rtsp_webrtc_gateway_${kind}_target
    ${PROJECT_VERSION} "${PROJECT_SOURCE_DIR}/include" "${staged}" "${staged}")
  add_dependencies(rtsp_webrtc_gateway::${kind} rtsp_webrtc_gateway_cargo)
endforeach()
rtsp_webrtc_gateway_default_target()
