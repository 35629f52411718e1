# Programs are this machine's, libraries and headers are the target's. Packages are looked for where they are
# asked for (CMAKE_PREFIX_PATH), too.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
# pkg-config knows the libraries of this machine only.
set(ENV{PKG_CONFIG_LIBDIR} /nowhere)
