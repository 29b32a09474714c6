# SPDX-License-Identifier: Apache-2.0
#
# cmake -DSOURCE=systemd -DBINARY=<build>/systemd -P systemd/install_test.cmake: installs twice, and
# checks that the first time brings the configuration and the second one keeps what it has become.
set(destination ${BINARY}/install_test)
set(config ${destination}/etc/containerd-lamina-grpc/config.toml)
set(ENV{DESTDIR} ${destination})

function(install_again)
  execute_process(COMMAND ${CMAKE_COMMAND} -P ${BINARY}/cmake_install.cmake
                  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

file(REMOVE_RECURSE ${destination})
install_again()
file(READ ${SOURCE}/config.toml default)
file(READ ${config} installed)
if(NOT installed STREQUAL default)
  message(FATAL_ERROR "${config} is not the default configuration")
endif()

file(WRITE ${config} "root = \"/elsewhere\"\n")
install_again()
file(READ ${config} installed)
if(NOT installed STREQUAL "root = \"/elsewhere\"\n")
  message(FATAL_ERROR "${config} was overwritten")
endif()
file(REMOVE_RECURSE ${destination})
