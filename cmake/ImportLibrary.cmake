# Makes an import library for MSVC beside DLL, DLL.lib, and the .def file that it is made of: what HEADER declares.
# Who has MSVC can make another one of the .def: lib /def:rtsp_webrtc_gateway.def /machine:x64
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/Declared.cmake)
rtsp_webrtc_gateway_declared(${HEADER} declared)
get_filename_component(name ${DLL} NAME)
string(REGEX REPLACE "\\.dll$" ".def" def ${DLL})
list(JOIN declared "\n    " exports)
file(WRITE ${def} "LIBRARY ${name}\nEXPORTS\n    ${exports}\n")
execute_process(COMMAND ${DLLTOOL} --input-def ${def} --dllname ${name} --output-lib ${DLL}.lib
  COMMAND_ERROR_IS_FATAL ANY)
