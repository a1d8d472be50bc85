# How every target of the project is compiled: one place for warnings, sanitizers and the include root.

find_program(ATTUNE_CCACHE ccache)
if(ATTUNE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ATTUNE_CCACHE})
endif()
find_program(ATTUNE_MOLD mold)

add_library(attune_options INTERFACE)
target_include_directories(attune_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(attune_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
                       -Wno-missing-field-initializers # flat structs with designated initialisers are the style
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> # GCC bug 105651: false alarms on std::string +
                       $<$<CXX_COMPILER_ID:Clang>:-Wno-error>) # it is here to fuzz, and warns about libstdc++'s own
target_link_options(attune_options INTERFACE -Wl,--gc-sections $<$<BOOL:${ATTUNE_MOLD}>:-fuse-ld=mold>)
target_compile_options(attune_options INTERFACE -ffunction-sections -fdata-sections)
if(ATTUNE_SANITIZE)
  target_compile_options(attune_options INTERFACE -fsanitize=${ATTUNE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(attune_options INTERFACE -fsanitize=${ATTUNE_SANITIZE})
endif()

# attune_library(name SOURCES ... [PUBLIC dep...] [PRIVATE dep...])
function(attune_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE attune_options ${arg_PRIVATE})
endfunction()

# attune_program(name SOURCES ... [LINK dep...])
function(attune_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(ATTUNE_SANITIZE MATCHES "address")
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/AsanOptions.cpp)
  endif()
  target_link_libraries(${name} PRIVATE attune_options ${arg_LINK})
endfunction()
