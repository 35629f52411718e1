# Linux on x86-64 without glibc: programs that need nothing but the kernel, by Debian's musl-gcc. They run here.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
# The header is how the unwinder finds its tables: without, a panic that the library would survive ends the program.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,--eh-frame-hdr")
set(CMAKE_FIND_ROOT_PATH /usr/lib/musl)
include(${CMAKE_CURRENT_LIST_DIR}/find.cmake)
