# The Conan recipe of the packages, with Conan: a project that requires the library is built and runs, with the shared
# library and with the static one.
cmake_minimum_required(VERSION 3.22)
set(ENV{CONAN_HOME} ${WORK}/home)
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET ERROR_VARIABLE said)
endfunction()
run(${CONAN} profile detect)
foreach(shared True False)
  set(build ${WORK}/${shared})
  run(${CONAN} create ${PACKAGES}/conan -o "&:shared=${shared}")
  run(${CONAN} install --requires=rtsp_webrtc_gateway/${VERSION} -o "*:shared=${shared}"
    -g CMakeDeps -g CMakeToolchain -of ${build})
  run(${CMAKE_COMMAND} -S ${SOURCE} -B ${build}/build -DCMAKE_TOOLCHAIN_FILE=${build}/conan_toolchain.cmake
    -DCMAKE_BUILD_TYPE=Release -DCONAN=ON -DKIND=rtsp_webrtc_gateway -DEXPECTED=${VERSION})
  run(${CMAKE_COMMAND} --build ${build}/build)
  run(${build}/build/consumer)
endforeach()
