# Linux on x86-64 with musl, whose programs run here. There is no compiler of C++ for it in Debian.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_CROSSCOMPILING TRUE)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_FIND_ROOT_PATH /usr/lib/x86_64-linux-musl)
include(${CMAKE_CURRENT_LIST_DIR}/find.cmake)
