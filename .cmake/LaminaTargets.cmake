# SPDX-License-Identifier: Apache-2.0
# One library per folder; a folder may include only what its library links.

option(LAMINA_WERROR "treat warnings as errors" OFF)
set(LAMINA_SANITIZE "" CACHE STRING "argument of -fsanitize=, empty for none")

find_program(CCACHE ccache)
if(CCACHE) # paths below the checkout do not count, so that a fresh clone finds what another built
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

# For our own code only; generated code does not link it.
add_library(lamina_warnings INTERFACE)
target_compile_options(lamina_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-align -Wformat=2
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>
  $<$<BOOL:${LAMINA_WERROR}>:-Werror>)

if(LAMINA_SANITIZE)
  # -g1: a report needs lines; more takes g++ longer than the sanitizer does.
  add_compile_options(-fsanitize=${LAMINA_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${LAMINA_SANITIZE})
endif()

# lamina_library(NAME SOURCES a.cc ... LINK target ...)
function(lamina_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK} lamina_warnings)
endfunction()

# lamina_program(NAME SOURCES main.cc LINK target ... DESTINATION dir)
function(lamina_program name)
  cmake_parse_arguments(arg "" "DESTINATION" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} lamina_warnings)
  install(TARGETS ${name} RUNTIME DESTINATION ${arg_DESTINATION})
endfunction()
