# Stages the shared library BUILT as STAGED, stripped, and its symbols apart: as STAGED.debug, where
# debuggers and valgrind find them by the debug link, and under DEBUG_DIR by its build id, to be
# installed. Does nothing if BUILT has not changed.
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

get_filename_component(folder ${STAGED} DIRECTORY)
get_filename_component(name ${STAGED} NAME)
# Beside it and then renamed: a program that runs it meanwhile keeps the old one.
set(new ${folder}/new/${name})
file(REMOVE_RECURSE ${folder}/new ${DEBUG_DIR})
file(MAKE_DIRECTORY ${folder}/new)
run(${OBJCOPY} --only-keep-debug ${BUILT} ${new}.debug)
run(${OBJCOPY} --strip-unneeded --add-gnu-debuglink=${new}.debug ${BUILT} ${new})
# A DLL has no build id.
execute_process(COMMAND ${READELF} --notes ${BUILT} OUTPUT_VARIABLE notes ERROR_QUIET)
if(notes MATCHES "Build ID: ([0-9a-f][0-9a-f])([0-9a-f]+)")
  file(MAKE_DIRECTORY ${DEBUG_DIR}/.build-id/${CMAKE_MATCH_1})
  file(COPY_FILE ${new}.debug ${DEBUG_DIR}/.build-id/${CMAKE_MATCH_1}/${CMAKE_MATCH_2}.debug)
endif()
file(RENAME ${new} ${STAGED})
file(RENAME ${new}.debug ${STAGED}.debug)
file(REMOVE_RECURSE ${folder}/new)
file(WRITE ${STAGED}.md5 ${now})
