# Builds with cargo, and lays the result out under lib/ as it will be installed.
# Runs on Linux; the branches for Windows and macOS follow cargo's conventions and await a machine.
include(${CMAKE_CURRENT_LIST_DIR}/Targets.cmake)

find_program(CARGO cargo HINTS ENV CARGO_HOME $ENV{HOME}/.cargo PATH_SUFFIXES bin REQUIRED)
set(RTSP_WEBRTC_GATEWAY_TARGET_DIR "${PROJECT_BINARY_DIR}/cargo" CACHE PATH
  "Target directory of cargo; several build trees may share one")

# Debug is cargo's dev profile; every other configuration, also none, is an optimised build.
set(debug $<CONFIG:Debug>)
set(built "${RTSP_WEBRTC_GATEWAY_TARGET_DIR}/$<IF:${debug},debug,release>")
set(staged "${PROJECT_BINARY_DIR}/lib")
rtsp_webrtc_gateway_file_names(${PROJECT_VERSION})

if(WIN32)
  set(stage
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${real}" "${staged}/${real}"
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${real}.lib" "${staged}/${real}.lib")
  set(byproducts "${staged}/${real}" "${staged}/${real}.lib" "${staged}/${static}")
else()
  set(stage
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${link}" "${staged}/${real}"
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${real} "${staged}/${soname}"
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${soname} "${staged}/${link}")
  set(byproducts
    "${staged}/${real}" "${staged}/${soname}" "${staged}/${link}" "${staged}/${static}")
endif()

# Always run: cargo knows what is out of date.
add_custom_target(rtsp_webrtc_gateway_cargo ALL
  COMMAND ${CMAKE_COMMAND} -E env "CARGO_TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR}"
    ${CARGO} build --locked --lib --package rtsp_webrtc_gateway
    --profile $<IF:${debug},dev,release>
  COMMAND ${CMAKE_COMMAND} -E make_directory "${staged}"
  ${stage}
  COMMAND ${CMAKE_COMMAND} -E copy_if_different "${built}/${static}" "${staged}/${static}"
  BYPRODUCTS ${byproducts}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "cargo build"
  USES_TERMINAL VERBATIM)

rtsp_webrtc_gateway_targets(${PROJECT_VERSION} "${PROJECT_SOURCE_DIR}/include" "${staged}" "${staged}")
add_dependencies(rtsp_webrtc_gateway::shared rtsp_webrtc_gateway_cargo)
add_dependencies(rtsp_webrtc_gateway::static rtsp_webrtc_gateway_cargo)
