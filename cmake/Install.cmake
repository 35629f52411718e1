# Installs library, header, CMake package and pkg-config file. The prefix may be moved afterwards.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/rtsp_webrtc_gateway")
set(generated "${PROJECT_BINARY_DIR}/package")

if(WIN32)
  install(PROGRAMS "${staged}/${real}" DESTINATION "${CMAKE_INSTALL_BINDIR}")
  install(FILES "${staged}/${real}.lib" "${staged}/${static}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
else()
  install(PROGRAMS "${staged}/${real}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(FILES "${staged}/${soname}" "${staged}/${link}" "${staged}/${static}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
install(FILES "${PROJECT_SOURCE_DIR}/include/rtsp_webrtc_gateway.h"
  "${PROJECT_SOURCE_DIR}/include/rtsp_webrtc_gateway.hpp"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/rtsp_webrtc_gateway")

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
  DESTINATION "${package_dir}")

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
install(FILES "${generated}/rtsp_webrtc_gateway.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
