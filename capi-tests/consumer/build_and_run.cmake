# Configures the consumer, builds it and runs it. Not by `ctest --build-and-test`: that sets CC and
# CXX, for which cargo builds all C code of the library anew.
cmake_minimum_required(VERSION 3.22)
separate_arguments(OPTIONS)
foreach(command
    "${CMAKE_COMMAND};-S;${SOURCE};-B;${WORK};-G;${GENERATOR};${OPTIONS}"
    "${CMAKE_COMMAND};--build;${WORK}"
    "${WORK}/consumer")
  execute_process(COMMAND ${command} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
