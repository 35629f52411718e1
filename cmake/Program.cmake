# Builds the gateway as a program (folder serve) with the library's own build, and installs it: component `program`.
if(NOT RTSP_WEBRTC_GATEWAY_HTTP)
  message(FATAL_ERROR "RTSP_WEBRTC_GATEWAY_BUILD_PROGRAM needs RTSP_WEBRTC_GATEWAY_HTTP")
endif()
set(program "rtsp-webrtc-gateway${CMAKE_EXECUTABLE_SUFFIX}")

# Behind the library, of which it is made: with the same features and profile, nothing is built twice.
add_custom_target(rtsp_webrtc_gateway_program ALL
  COMMAND ${CMAKE_COMMAND} -E env "CARGO_TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR}"
    ${CARGO} build --locked --package serve --profile $<IF:${debug},dev,release>
  COMMAND ${CMAKE_COMMAND} -E make_directory "${PROJECT_BINARY_DIR}/bin"
  COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${program}" "${PROJECT_BINARY_DIR}/bin/${program}"
  BYPRODUCTS "${PROJECT_BINARY_DIR}/bin/${program}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "cargo build, the program"
  USES_TERMINAL VERBATIM)
add_dependencies(rtsp_webrtc_gateway_program rtsp_webrtc_gateway_cargo)

if(RTSP_WEBRTC_GATEWAY_INSTALL)
  install(PROGRAMS "${PROJECT_BINARY_DIR}/bin/${program}"
    DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
  install(FILES "${PROJECT_SOURCE_DIR}/serve/gateway.toml"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/rtsp_webrtc_gateway" COMPONENT program)
  if(UNIX AND NOT APPLE)
    install(FILES "${PROJECT_SOURCE_DIR}/serve/systemd/rtsp-webrtc-gateway.service"
      DESTINATION lib/systemd/system COMPONENT program)
  endif()
endif()
