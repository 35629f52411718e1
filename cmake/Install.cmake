# Installs library, header, CMake package, pkg-config file, notices, SBOM and Python module. The prefix
# may be moved afterwards. Components: `runtime` is what a program needs that is linked to the shared
# library, `development` what linking needs, `python` the Python module, `debug` the symbols of the shared
# library (not installed unless named), `program` the gateway as a program, where it is built (cmake/Program.cmake).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/rtsp_webrtc_gateway")
set(generated "${PROJECT_BINARY_DIR}/package")

if(kinds STREQUAL "static")
  install(FILES "${staged}/${static}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
elseif(WIN32)
  install(PROGRAMS "${staged}/${shared}" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime)
  install(FILES "${staged}/${implib}" "${staged}/${static}" ${msvc_files}
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
else()
  install(FILES "${staged}/${shared}" "${staged}/${soname}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
  install(FILES "${staged}/${link}" "${staged}/${static}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
  if(binutils)
    install(DIRECTORY "${staged_debug}/" DESTINATION lib/debug COMPONENT debug EXCLUDE_FROM_ALL)
  endif()
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)

# notices(NAME COMPONENT PACKAGE OPTIONS...): what the licenses of the crates ask for, and the bill of materials, of
# a package of cargo that is built with these options.
function(rtsp_webrtc_gateway_notices name component package)
  set(options ${ARGN})
  if(RTSP_WEBRTC_GATEWAY_CARGO_TARGET)
    list(APPEND options --target ${RTSP_WEBRTC_GATEWAY_CARGO_TARGET})
  endif()
  set(notices "${generated}/${name}/THIRD-PARTY.md")
  set(sbom "${generated}/${name}/${name}.cdx.json")
  file(MAKE_DIRECTORY "${generated}/${name}")
  file(GLOB manifests "${PROJECT_SOURCE_DIR}/Cargo.*" "${PROJECT_SOURCE_DIR}/serve/Cargo.toml"
    "${PROJECT_SOURCE_DIR}/third_party/*/Cargo.toml" "${PROJECT_SOURCE_DIR}/third_party/*/*.patch")
  set(scripts "${PROJECT_SOURCE_DIR}/scripts")
  add_custom_command(OUTPUT "${notices}" "${sbom}"
    COMMAND ${CMAKE_COMMAND} -E env "CARGO=${CARGO}"
      ${Python3_EXECUTABLE} -B "${scripts}/notices.py" "${notices}" ${package} ${options}
    COMMAND ${CMAKE_COMMAND} -E env "CARGO=${CARGO}"
      ${Python3_EXECUTABLE} -B "${scripts}/sbom.py" "${sbom}" ${package} ${options}
    DEPENDS "${scripts}/notices.py" "${scripts}/sbom.py" ${manifests}
    VERBATIM)
  add_custom_target(${name}_notices ALL DEPENDS "${notices}" "${sbom}")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${notices}"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/${name}" COMPONENT ${component})
  install(FILES "${sbom}" DESTINATION "${CMAKE_INSTALL_DATADIR}/sbom" COMPONENT ${component})
endfunction()
rtsp_webrtc_gateway_notices(rtsp_webrtc_gateway runtime rtsp_webrtc_gateway ${cargo_features})
file(GLOB documents "${PROJECT_SOURCE_DIR}/docs/*.md")
install(FILES ${documents} "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/rtsp_webrtc_gateway" COMPONENT development)
# A WHEP client for the host's own pages.
install(FILES "${PROJECT_SOURCE_DIR}/src/http/pages/player.js"
              "${PROJECT_SOURCE_DIR}/src/http/pages/wall.js"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/rtsp_webrtc_gateway" COMPONENT development)
# Sources for programs in other languages.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/bindings/dotnet" "${PROJECT_SOURCE_DIR}/bindings/java"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/rtsp_webrtc_gateway" COMPONENT development)

# Where this Python looks below its prefix, in the words of Debian or of all others.
execute_process(OUTPUT_VARIABLE python_dir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
  COMMAND ${Python3_EXECUTABLE} -c "if 1:
    import sys, sysconfig
    kind = 'dist' if 'deb_system' in sysconfig.get_scheme_names() else 'site'
    print(f'python{sys.version_info[0]}.{sys.version_info[1]}/{kind}-packages')")
set(RTSP_WEBRTC_GATEWAY_PYTHON_DIR "${CMAKE_INSTALL_LIBDIR}/${python_dir}" CACHE STRING
  "Where to install the Python module, below the prefix")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/python/rtsp_webrtc_gateway"
  DESTINATION "${RTSP_WEBRTC_GATEWAY_PYTHON_DIR}" COMPONENT python
  PATTERN "__pycache__" EXCLUDE)

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/rtsp_webrtc_gatewayConfig.cmake.in"
  "${generated}/rtsp_webrtc_gatewayConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR)
# While the major version is 0, a minor version may break the ABI.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
else()
  set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file("${generated}/rtsp_webrtc_gatewayConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY ${compatibility})
install(FILES
  "${generated}/rtsp_webrtc_gatewayConfig.cmake"
  "${generated}/rtsp_webrtc_gatewayConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Targets.cmake"
  DESTINATION "${package_dir}" COMPONENT development)

# Relative to the .pc file itself, so that it needs no editing when the prefix moves.
set(pc_dir "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_prefix "${pc_dir}" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH pc_libdir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
file(RELATIVE_PATH pc_includedir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
set(pc_libs_private "")
foreach(library IN LISTS RTSP_WEBRTC_GATEWAY_NATIVE_LIBS)
  if(library MATCHES "^-")
    string(APPEND pc_libs_private " ${library}")
  else()
    string(APPEND pc_libs_private " -l${library}")
  endif()
endforeach()
string(STRIP "${pc_libs_private}" pc_libs_private)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/rtsp_webrtc_gateway.pc.in"
  "${generated}/rtsp_webrtc_gateway.pc" @ONLY)
install(FILES "${generated}/rtsp_webrtc_gateway.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
