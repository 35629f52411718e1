# Makes of the static library BUILT the library STAGED, of one object whose only global symbols are
# those that HEADER declares. So a host may also link OpenSSL, another user of
# AWS-LC or another static library made of Rust: their names cannot meet. UNWINDER is taken in, if it is a
# static library. KEEP_DEBUG keeps debug information. Does nothing if BUILT has not changed.
cmake_minimum_required(VERSION 3.22)
file(MD5 ${BUILT} now)
if(EXISTS ${STAGED} AND EXISTS ${STAGED}.md5)
  file(READ ${STAGED}.md5 before)
  if(before STREQUAL now)
    return()
  endif()
endif()
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/Declared.cmake)
rtsp_webrtc_gateway_declared(${HEADER} symbols)
get_filename_component(folder ${STAGED} DIRECTORY)
file(MAKE_DIRECTORY ${folder})
list(JOIN symbols "\n" lines)
file(WRITE ${STAGED}.symbols "${lines}\n")

# What the symbols need of the archive, as a linker would take it. Groups are merged: of two groups of
# one name in two libraries a linker would drop one, and a local symbol cannot refer to the other.
list(TRANSFORM symbols PREPEND --undefined=)
run(${LD} --relocatable --force-group-allocation ${symbols} ${BUILT} ${UNWINDER} -o ${STAGED}.o)
# The bitcode is for link-time optimization among Rust crates.
set(strip --strip-debug)
if(KEEP_DEBUG)
  set(strip "")
endif()
run(${OBJCOPY} --remove-section=.llvmbc --remove-section=.llvmcmd ${strip}
  --keep-global-symbols=${STAGED}.symbols ${STAGED}.o)
file(REMOVE ${STAGED})
run(${AR} qcsD ${STAGED} ${STAGED}.o)
file(REMOVE ${STAGED}.o ${STAGED}.symbols)
file(WRITE ${STAGED}.md5 ${now})
