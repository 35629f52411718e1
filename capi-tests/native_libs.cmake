# The system libraries in cmake/CargoBuild.cmake are those that rustc names. It names them when it makes
# a static library, so it makes an empty one that holds ours.
cmake_minimum_required(VERSION 3.22)
file(WRITE ${WORK}/native_libs.rs "pub use rtsp_webrtc_gateway::error;\n")
execute_process(
  COMMAND rustc --edition 2024 --crate-type staticlib --print native-static-libs
    --extern rtsp_webrtc_gateway=${BUILT}/librtsp_webrtc_gateway.rlib
    -L dependency=${BUILT}/deps -o ${WORK}/native_libs.a ${WORK}/native_libs.rs
  ERROR_VARIABLE said RESULT_VARIABLE failed)
file(REMOVE ${WORK}/native_libs.a)
if(failed OR NOT said MATCHES "native-static-libs: ([^\n]*)")
  message(FATAL_ERROR "rustc: ${said}")
endif()
string(REPLACE "-l" "" libraries "${CMAKE_MATCH_1}")
separate_arguments(libraries)
list(REMOVE_DUPLICATES libraries)
separate_arguments(EXPECTED)
list(SORT libraries)
list(SORT EXPECTED)
if(NOT libraries STREQUAL EXPECTED)
  message(FATAL_ERROR "cmake/CargoBuild.cmake says ${EXPECTED}, rustc says ${libraries}")
endif()
