# The static library STATIC has no global symbol but those that SHARED exports, so it links with
# whatever else a host has: clash/main.c. ORIGINAL is the library as cargo made it; a function that
# aborts stands for each of its global symbols.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND ${NM} -D --defined-only ${SHARED}
  OUTPUT_VARIABLE exported COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NM} -g --defined-only ${STATIC}
  OUTPUT_VARIABLE global COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NM} -g --defined-only ${ORIGINAL}
  OUTPUT_VARIABLE original ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
foreach(list exported global)
  string(REGEX MATCHALL "[A-Z] [^\n]+" ${list} "${${list}}")
  list(SORT ${list})
endforeach()
if(NOT global STREQUAL exported)
  message(FATAL_ERROR "${STATIC} defines ${global}, ${SHARED} defines ${exported}")
endif()

# Rust's own names are in the second library. Names with two underscores in front belong to the
# compiler, which may call them anywhere.
string(REGEX MATCHALL " T [A-Za-z_][A-Za-z0-9_]+\n" names "${original}")
list(TRANSFORM names REPLACE " T ([A-Za-z0-9_]+)\n" "\\1")
list(FILTER names EXCLUDE REGEX "^(__|_R|_ZN|rust_|rtsp_webrtc_gateway_)")
list(REMOVE_DUPLICATES names)
list(LENGTH names count)
if(count LESS 1000)
  message(FATAL_ERROR "${ORIGINAL} has ${count} names only")
endif()
list(TRANSFORM names REPLACE "(.+)" "ABORTS(\\1)")
list(JOIN names "\n" names)
file(WRITE ${WORK}/names.c
  "#include <stdlib.h>\n#define ABORTS(name) void name(void) { abort(); }\n${names}\n")

execute_process(COMMAND rustc --edition 2024 --crate-type staticlib --crate-name second
  -o ${WORK}/libsecond.a ${SOURCES}/second.rs COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(LIBRARIES)
execute_process(COMMAND ${CC} -w -fno-builtin -I ${INCLUDE} -o ${WORK}/clash
  ${SOURCES}/main.c ${WORK}/names.c ${STATIC} ${WORK}/libsecond.a -lcrypto ${LIBRARIES}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/clash COMMAND_ERROR_IS_FATAL ANY)
