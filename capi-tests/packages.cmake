# The library as others use it: its files, installed and moved, packaged and installed, in the tree of
# another project.

# For tests that build the library: no limit that a slow machine could reach.
set(a_day 86400)

# All that a program carries which links it. Symbols are apart (cmake/SplitSymbols.cmake).
if(binutils AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_test(NAME size_of_library COMMAND ${CMAKE_COMMAND}
    -D LIBRARY=$<TARGET_FILE:rtsp_webrtc_gateway::shared> -D LIMIT=11010048
    -P ${CMAKE_CURRENT_SOURCE_DIR}/size.cmake)
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(openssl QUIET libcrypto)
if(RTSP_WEBRTC_GATEWAY_LOCALIZE_SYMBOLS AND openssl_FOUND)
  list(TRANSFORM RTSP_WEBRTC_GATEWAY_NATIVE_LIBS PREPEND -l OUTPUT_VARIABLE libraries)
  list(JOIN libraries " " libraries)
  add_test(NAME static_library_hides_its_symbols COMMAND ${CMAKE_COMMAND}
    -D NM=${CMAKE_NM} -D CC=${CMAKE_C_COMPILER}
    -D STATIC=$<TARGET_FILE:rtsp_webrtc_gateway::static>
    -D SHARED=$<TARGET_FILE:rtsp_webrtc_gateway::shared>
    -D ORIGINAL=${built}/${static} -D LIBRARIES=${libraries}
    -D INCLUDE=${PROJECT_SOURCE_DIR}/include -D SOURCES=${CMAKE_CURRENT_SOURCE_DIR}/clash
    -D WORK=${CMAKE_CURRENT_BINARY_DIR}
    -P ${CMAKE_CURRENT_SOURCE_DIR}/clash/clash.cmake)
endif()

# consumer_tests(NAME PREFIX LIBDIR): a project that finds the library in PREFIX, by find_package()
# and by pkg-config. The fixture NAME puts it there.
function(consumer_tests name prefix libdir)
  foreach(kind shared static rtsp_webrtc_gateway)
    set(test ${name}_find_package_${kind})
    add_test(NAME ${test} COMMAND ${CMAKE_CTEST_COMMAND}
      --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/consumer ${CMAKE_CURRENT_BINARY_DIR}/${test}
      --build-generator ${CMAKE_GENERATOR}
      --build-options -DCMAKE_PREFIX_PATH=${prefix} -DKIND=${kind} -DEXPECTED=${PROJECT_VERSION}
      --test-command consumer)
    set_tests_properties(${test} PROPERTIES FIXTURES_REQUIRED ${name})
  endforeach()
  foreach(kind shared static)
    set(test ${name}_pkg_config_${kind})
    add_test(NAME ${test} COMMAND ${CMAKE_COMMAND}
      -D PREFIX=${prefix} -D LIBDIR=${libdir} -D KIND=${kind}
      -D PKG_CONFIG=${PKG_CONFIG} -D CC=${CMAKE_C_COMPILER}
      -D SOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consumer/main.c
      -D PROGRAM=${CMAKE_CURRENT_BINARY_DIR}/${test}
      -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/pkg_config.cmake)
    set_tests_properties(${test} PROPERTIES FIXTURES_REQUIRED ${name})
  endforeach()
endfunction()

set(moved "${CMAKE_CURRENT_BINARY_DIR}/moved/prefix")
add_test(NAME install_and_move COMMAND ${CMAKE_COMMAND}
  -D BUILD=${PROJECT_BINARY_DIR} -D CONFIG=$<CONFIG>
  -D FROM=${CMAKE_CURRENT_BINARY_DIR}/installed -D TO=${moved}
  -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/install_and_move.cmake)
set_tests_properties(install_and_move PROPERTIES FIXTURES_SETUP installed)
consumer_tests(installed ${moved} ${CMAKE_INSTALL_LIBDIR})

# A project that asks for one component needs the files of that one only.
foreach(kind shared static)
  set(test component_${kind})
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND}
    -D FROM=${moved} -D TO=${CMAKE_CURRENT_BINARY_DIR}/${test} -D KIND=${kind}
    -D EXPECTED=${PROJECT_VERSION} -D GENERATOR=${CMAKE_GENERATOR}
    -D SOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consumer
    -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/component.cmake)
  set_tests_properties(${test} PROPERTIES FIXTURES_REQUIRED installed)
endforeach()

# The Python module finds the library of its own installation.
add_test(NAME installed_python COMMAND ${CMAKE_COMMAND} -E env
  --unset=RTSP_WEBRTC_GATEWAY_LIBRARY PYTHONPATH=${moved}/${RTSP_WEBRTC_GATEWAY_PYTHON_DIR}
  ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/consumer/installed.py ${moved})
set_tests_properties(installed_python PROPERTIES FIXTURES_REQUIRED installed)
add_test(NAME sbom COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/consumer/sbom.py
  ${moved}/${CMAKE_INSTALL_DATADIR} rtsp_webrtc_gateway ${PROJECT_SOURCE_DIR}/Cargo.lock)
set_tests_properties(sbom PROPERTIES FIXTURES_REQUIRED installed)

# Packages are release builds: not for the sake of a debug build.
find_program(DPKG_DEB dpkg-deb)
find_program(FAKEROOT fakeroot)
if(DPKG_DEB AND FAKEROOT AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND RTSP_WEBRTC_GATEWAY_HTTP)
  set(root "${CMAKE_CURRENT_BINARY_DIR}/debian_root")
  set(unpacked "${CMAKE_CURRENT_BINARY_DIR}/unpacked")
  add_test(NAME packages COMMAND ${CMAKE_COMMAND}
    -D SOURCE=${PROJECT_SOURCE_DIR} -D VERSION=${PROJECT_VERSION}
    -D PACKAGES=${CMAKE_CURRENT_BINARY_DIR}/packages
    -D TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR} -D ROOT=${root} -D UNPACKED=${unpacked}
    -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/unpack_packages.cmake)
  set_tests_properties(packages PROPERTIES FIXTURES_SETUP "debian;archive;wheel" TIMEOUT ${a_day}
    RUN_SERIAL TRUE)
  consumer_tests(debian ${root}/usr lib/${CMAKE_LIBRARY_ARCHITECTURE})
  consumer_tests(archive ${unpacked} lib)
  find_program(MYPY mypy)
  add_test(NAME wheel COMMAND ${CMAKE_COMMAND}
    -D PYTHON=${Python3_EXECUTABLE} -D MYPY=$<$<BOOL:${MYPY}>:${MYPY}>
    -D PACKAGES=${CMAKE_CURRENT_BINARY_DIR}/packages -D WORK=${CMAKE_CURRENT_BINARY_DIR}/wheel
    -D TESTS=${CMAKE_CURRENT_SOURCE_DIR}
    -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/wheel.cmake)
  set_tests_properties(wheel PROPERTIES FIXTURES_REQUIRED wheel)
  add_test(NAME packages_again COMMAND ${CMAKE_COMMAND}
    -D SOURCE=${PROJECT_SOURCE_DIR} -D TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR}
    -D PACKAGES=${CMAKE_CURRENT_BINARY_DIR}/packages -D AGAIN=${CMAKE_CURRENT_BINARY_DIR}/packages_again
    -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/package_again.cmake)
  set_tests_properties(packages_again PROPERTIES FIXTURES_REQUIRED archive TIMEOUT ${a_day} RUN_SERIAL TRUE)
  add_test(NAME sbom_of_program COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/consumer/sbom.py
    ${unpacked}/share rtsp-webrtc-gateway ${PROJECT_SOURCE_DIR}/Cargo.lock)
  set_tests_properties(sbom_of_program PROPERTIES FIXTURES_REQUIRED archive)
  find_program(CONAN conan HINTS ${PROJECT_SOURCE_DIR}/target/conan/bin)
  if(CONAN)
    add_test(NAME conan COMMAND ${CMAKE_COMMAND}
      -D CONAN=${CONAN} -D PACKAGES=${CMAKE_CURRENT_BINARY_DIR}/packages -D VERSION=${PROJECT_VERSION}
      -D SOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consumer -D WORK=${CMAKE_CURRENT_BINARY_DIR}/conan
      -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/conan.cmake)
    set_tests_properties(conan PROPERTIES FIXTURES_REQUIRED archive)
  endif()
endif()

# In the tree of another project; the target directory is shared, so that cargo has little to do.
# FetchContent clones what is committed.
string(CONCAT options "-DKIND=rtsp_webrtc_gateway -DEXPECTED=${PROJECT_VERSION}"
  " -DCMAKE_BUILD_TYPE=$<CONFIG>"
  " -DRTSP_WEBRTC_GATEWAY_BUILD_PROGRAM=${RTSP_WEBRTC_GATEWAY_BUILD_PROGRAM}"
  " -DRTSP_WEBRTC_GATEWAY_TARGET_DIR=${RTSP_WEBRTC_GATEWAY_TARGET_DIR}")
set(in_tree add_subdirectory)
if(EXISTS "${PROJECT_SOURCE_DIR}/.git")
  list(APPEND in_tree fetch_content)
endif()
foreach(test IN LISTS in_tree)
  string(TOUPPER ${test} way)
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND}
    -D SOURCE=${CMAKE_CURRENT_SOURCE_DIR}/consumer
    -D WORK=${CMAKE_CURRENT_BINARY_DIR}/${test}
    -D GENERATOR=${CMAKE_GENERATOR}
    -D "OPTIONS=${options} -D${way}=${PROJECT_SOURCE_DIR}"
    -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/build_and_run.cmake)
  set_tests_properties(${test} PROPERTIES RUN_SERIAL TRUE TIMEOUT ${a_day})
endforeach()
