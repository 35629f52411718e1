# LIBRARY has LIMIT bytes at most.
cmake_minimum_required(VERSION 3.22)
file(SIZE ${LIBRARY} size)
message("${LIBRARY} has ${size} bytes, of at most ${LIMIT}")
if(size GREATER LIMIT)
  message(FATAL_ERROR "That is too much")
endif()
