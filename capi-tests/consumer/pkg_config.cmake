# Compiles, links and runs the consumer with what pkg-config says of the moved prefix.
cmake_minimum_required(VERSION 3.22)
set(ENV{PKG_CONFIG_PATH} ${PREFIX}/${LIBDIR}/pkgconfig)
function(pkg_config out)
  execute_process(COMMAND ${PKG_CONFIG} ${ARGN} rtsp_webrtc_gateway
    OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(said)
  set(${out} ${said} PARENT_SCOPE)
endfunction()

pkg_config(version --modversion)
if(KIND STREQUAL static)
  pkg_config(cflags --static --cflags)
  pkg_config(libs --static --libs)
  # Beside a shared library the linker takes that one, unless it is told the file.
  list(TRANSFORM libs REPLACE "^-lrtsp_webrtc_gateway$" "-l:librtsp_webrtc_gateway.a")
else()
  pkg_config(cflags --cflags)
  pkg_config(libs --libs)
endif()

execute_process(COMMAND ${CC} -DEXPECTED="${version}" ${cflags} ${SOURCE} -o ${PROGRAM} ${libs}
  COMMAND_ERROR_IS_FATAL ANY)
if(KIND STREQUAL shared)
  set(ENV{LD_LIBRARY_PATH} ${PREFIX}/${LIBDIR})
endif()
execute_process(COMMAND ${PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
