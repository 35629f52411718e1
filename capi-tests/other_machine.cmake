# The header by the COMPILER of another machine: it compiles, and where pointers have 64 bits, too, structs are laid
# out as the program LAYOUT says of this machine, which bindings rely on. For Linux no C library is needed.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND ${LAYOUT} OUTPUT_VARIABLE layout COMMAND_ERROR_IS_FATAL ANY)
set(struct "rtsp_webrtc_gateway_")
string(REGEX REPLACE "([a-z0-9_]+)\\.([a-z0-9_]+) ([0-9]+)\n"
  "_Static_assert(offsetof(${struct}\\1, \\2) == \\3, \"\\1.\\2\");\n" checks "${layout}")
string(REGEX REPLACE "([a-z0-9_]+) ([0-9]+)\n"
  "_Static_assert(sizeof(${struct}\\1) == \\2, \"\\1\");\n" checks "${checks}")
string(REGEX MATCHALL "_Static_assert" count "${checks}")
list(LENGTH count count)
if(count LESS 100)
  message(FATAL_ERROR "Only ${count} checks of the layout")
endif()
file(WRITE ${SOURCE} "#include <rtsp_webrtc_gateway.h>\n#if UINTPTR_MAX > UINT32_MAX\n${checks}#endif\n")
execute_process(COMMAND ${COMPILER} -std=c11 -Wall -Wextra -Wpedantic -Werror -ffreestanding -fsyntax-only
  -I${INCLUDE} ${SOURCE} COMMAND_ERROR_IS_FATAL ANY)
