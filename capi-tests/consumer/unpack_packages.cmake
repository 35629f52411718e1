# Makes the packages, and installs them: the .deb files into a root of their own, whose dpkg believes
# that all other packages of this system are there, so that it checks what they depend on; and the
# archive by unpacking it. fakeroot lets anyone do so.
cmake_minimum_required(VERSION 3.22)
file(REMOVE_RECURSE ${ROOT} ${UNPACKED})
file(GLOB old ${PACKAGES}/*.deb ${PACKAGES}/*.tar.gz)
if(old)
  file(REMOVE ${old})
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${TARGET_DIR}
  ${SOURCE}/scripts/package.sh ${PACKAGES} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB debs ${PACKAGES}/*_${VERSION}-1_*.deb)
file(GLOB archive ${PACKAGES}/*-${VERSION}-*.tar.gz)
list(LENGTH debs count)
if(NOT count EQUAL 3 OR NOT archive)
  message(FATAL_ERROR "Made ${debs} and ${archive}")
endif()

set(database ${ROOT}/var/lib/dpkg)
file(MAKE_DIRECTORY ${database}/info ${database}/updates ${database}/triggers)
file(COPY_FILE /var/lib/dpkg/status ${database}/status)
file(TOUCH ${database}/available)
set(ENV{PATH} "$ENV{PATH}:/usr/sbin:/sbin")
execute_process(COMMAND fakeroot dpkg --root=${ROOT} --log=${ROOT}/dpkg.log --install ${debs}
  COMMAND_ERROR_IS_FATAL ANY)
foreach(name librtsp-webrtc-gateway0.1 librtsp-webrtc-gateway-dev)
  foreach(file copyright changelog.gz)
    if(NOT EXISTS ${ROOT}/usr/share/doc/${name}/${file})
      message(SEND_ERROR "${name} has no ${file}")
    endif()
  endforeach()
endforeach()

file(MAKE_DIRECTORY ${UNPACKED})
execute_process(COMMAND tar --extract --file ${archive} --directory ${UNPACKED} --strip-components=1
  COMMAND_ERROR_IS_FATAL ANY)
foreach(file LICENSE THIRD-PARTY.md)
  if(NOT EXISTS ${UNPACKED}/share/licenses/rtsp_webrtc_gateway/${file})
    message(SEND_ERROR "The archive has no ${file}")
  endif()
endforeach()
