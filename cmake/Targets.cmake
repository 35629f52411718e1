# rtsp_webrtc_gateway_shared_target(VERSION INCLUDE_DIR LIB_DIR BIN_DIR) and _static_target(): define
# the imported targets over files that are there, or will be when they are linked. Used by the build
# tree and, installed beside the package config, by find_package(). The names on Windows and macOS are
# cargo's conventions: those of mingw or of MSVC, by who links. RTSP_WEBRTC_GATEWAY_NATIVE_LIBS is what the
# static library needs from the system.

# The ABI is part of the file name: MAJOR.MINOR while MAJOR is 0, MAJOR after. build.rs agrees.
function(rtsp_webrtc_gateway_file_names version)
  string(REGEX MATCH "^0\\.[0-9]+|^[0-9]+" abi "${version}")
  set(name rtsp_webrtc_gateway)
  set(implib "")
  if(WIN32)
    set(files ${name}.dll ${name}.dll ${name}.dll)
    set(static ${name}.lib)
    set(implib ${name}.dll.lib)
    if(MINGW)
      set(static lib${name}.a)
      set(implib lib${name}.dll.a)
    endif()
  elseif(APPLE)
    set(files lib${name}.${version}.dylib lib${name}.${abi}.dylib lib${name}.dylib)
    set(static lib${name}.a)
  else()
    set(files lib${name}.so.${version} lib${name}.so.${abi} lib${name}.so)
    set(static lib${name}.a)
  endif()
  list(GET files 0 shared)
  list(GET files 1 soname)
  list(GET files 2 link)
  foreach(variable shared soname link static implib)
    set(${variable} ${${variable}} PARENT_SCOPE)
  endforeach()
endfunction()

function(rtsp_webrtc_gateway_shared_target version include_dir lib_dir bin_dir)
  if(TARGET rtsp_webrtc_gateway::shared)
    return()
  endif()
  rtsp_webrtc_gateway_file_names(${version})
  add_library(rtsp_webrtc_gateway::shared SHARED IMPORTED GLOBAL)
  set_target_properties(rtsp_webrtc_gateway::shared PROPERTIES
    IMPORTED_LOCATION "${lib_dir}/${shared}"
    IMPORTED_SONAME "${soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${include_dir}")
  if(WIN32)
    set_target_properties(rtsp_webrtc_gateway::shared PROPERTIES
      IMPORTED_LOCATION "${bin_dir}/${shared}"
      IMPORTED_IMPLIB "${lib_dir}/${implib}")
  elseif(APPLE)
    set_property(TARGET rtsp_webrtc_gateway::shared PROPERTY IMPORTED_SONAME "@rpath/${soname}")
  endif()
endfunction()

function(rtsp_webrtc_gateway_static_target version include_dir lib_dir bin_dir)
  if(TARGET rtsp_webrtc_gateway::static)
    return()
  endif()
  rtsp_webrtc_gateway_file_names(${version})
  add_library(rtsp_webrtc_gateway::static STATIC IMPORTED GLOBAL)
  set_target_properties(rtsp_webrtc_gateway::static PROPERTIES
    IMPORTED_LOCATION "${lib_dir}/${static}"
    INTERFACE_INCLUDE_DIRECTORIES "${include_dir}"
    INTERFACE_COMPILE_DEFINITIONS RTSP_WEBRTC_GATEWAY_STATIC
    INTERFACE_LINK_LIBRARIES "${RTSP_WEBRTC_GATEWAY_NATIVE_LIBS}")
endfunction()

# The target for who does not care: the shared library, or the static one where there is no other.
function(rtsp_webrtc_gateway_default_target)
  set(kind static)
  if(TARGET rtsp_webrtc_gateway::shared)
    set(kind shared)
  endif()
  if(TARGET rtsp_webrtc_gateway::${kind} AND NOT TARGET rtsp_webrtc_gateway::rtsp_webrtc_gateway)
    add_library(rtsp_webrtc_gateway::rtsp_webrtc_gateway INTERFACE IMPORTED GLOBAL)
    target_link_libraries(rtsp_webrtc_gateway::rtsp_webrtc_gateway INTERFACE rtsp_webrtc_gateway::${kind})
  endif()
endfunction()
