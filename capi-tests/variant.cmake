# The library as only tests build it: with bugs on demand (cargo feature test-panic), without its
# HTTP listener, and with checks of arithmetic, which cargo's dev profile has. One build for all.
set(variant "${CMAKE_CURRENT_BINARY_DIR}/variant/${soname}")
# Built along with a Rust test, so that it shares the dependencies that those of the Rust tests are: with
# the features that tests need.
add_custom_target(variant
  COMMAND ${CMAKE_COMMAND} -E env "CARGO_TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR}"
    ${CARGO} build --locked --package rtsp_webrtc_gateway --lib --test host_logger
    --no-default-features --features test-panic
  COMMAND ${CMAKE_COMMAND} -E copy_if_different
    "${RTSP_WEBRTC_GATEWAY_TARGET_DIR}/debug/${link}" "${variant}"
  BYPRODUCTS "${variant}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "cargo build --no-default-features --features test-panic"
  USES_TERMINAL VERBATIM)
# A debug build of the library itself has the same file names in cargo's directory.
add_dependencies(variant rtsp_webrtc_gateway_cargo)

add_library(variant_library SHARED IMPORTED)
set_target_properties(variant_library PROPERTIES IMPORTED_LOCATION "${variant}")
foreach(scenario panic http hostile)
  set(name ${scenario}_variant)
  add_executable(${name} ${scenario}.c)
  set_target_properties(${name} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
  target_compile_definitions(${name} PRIVATE WITHOUT_LISTENER)
  target_link_libraries(${name} PRIVATE test_options variant_library Threads::Threads)
  add_dependencies(${name} variant)
  add_test(NAME c_${name} COMMAND ${name})
endforeach()
