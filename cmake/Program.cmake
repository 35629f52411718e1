# Installs the gateway as a program (folder serve): component `program`.
# It has all features of the library, and one build of both has what either of them has.
foreach(feature HTTP TRANSCODE_AUDIO)
  if(NOT RTSP_WEBRTC_GATEWAY_${feature})
    message(FATAL_ERROR "RTSP_WEBRTC_GATEWAY_BUILD_PROGRAM needs RTSP_WEBRTC_GATEWAY_${feature}")
  endif()
endforeach()
set(program "rtsp-webrtc-gateway${CMAKE_EXECUTABLE_SUFFIX}")

# Built by cargo along with the library (cmake/CargoBuild.cmake).
add_custom_target(rtsp_webrtc_gateway_program ALL
  COMMAND ${CMAKE_COMMAND} -E make_directory "${PROJECT_BINARY_DIR}/bin"
  COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${program}" "${PROJECT_BINARY_DIR}/bin/${program}"
  BYPRODUCTS "${PROJECT_BINARY_DIR}/bin/${program}"
  VERBATIM)
add_dependencies(rtsp_webrtc_gateway_program rtsp_webrtc_gateway_cargo)

if(RTSP_WEBRTC_GATEWAY_INSTALL)
  install(PROGRAMS "${PROJECT_BINARY_DIR}/bin/${program}"
    DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
  install(FILES "${PROJECT_SOURCE_DIR}/serve/gateway.toml"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/rtsp_webrtc_gateway" COMPONENT program)
  rtsp_webrtc_gateway_notices(rtsp-webrtc-gateway program serve ${cargo_features})
  if(UNIX AND NOT APPLE)
    # Names the program where this installation puts it, which is known only now.
    set(unit rtsp-webrtc-gateway.service)
    install(CODE "file(READ \"${PROJECT_SOURCE_DIR}/serve/systemd/${unit}\" unit)
      string(REPLACE /usr/bin/rtsp \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/rtsp\" unit \"\${unit}\")
      file(WRITE \"${generated}/${unit}\" \"\${unit}\")" COMPONENT program)
    install(FILES "${generated}/${unit}" DESTINATION lib/systemd/system COMPONENT program)
  endif()
endif()
