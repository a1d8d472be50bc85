# MLIR 22, statically and hidden: a host that carries its own LLVM (PyTorch, Triton, JAX) must not clash with ours,
# and libLLVM.so costs 150 ms at start. Debian's MLIR targets name the dylib `LLVM` in their link interface; here
# the archives stand in for it.

if(NOT MLIR_DIR)
  set(MLIR_DIR /usr/lib/llvm-22/lib/cmake/mlir)
endif()
find_package(MLIR 22.1 CONFIG)
if(NOT MLIR_FOUND)
  message(FATAL_ERROR "Attune needs MLIR 22 (Debian: libmlir-22-dev mlir-22-tools llvm-22-dev). Run ./dev setup, or set MLIR_DIR.")
endif()

function(attune_link_archives_instead_of_dylib target)
  get_property(seen GLOBAL PROPERTY ATTUNE_MLIR_SEEN)
  if(target IN_LIST seen OR NOT TARGET ${target})
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY ATTUNE_MLIR_SEEN ${target})
  get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
  if(NOT links)
    return()
  endif()
  list(TRANSFORM links REPLACE "^LLVM$" "LLVMSupport")
  set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
  foreach(link IN LISTS links)
    if(link MATCHES "^(MLIR|LLVM)")
      attune_link_archives_instead_of_dylib(${link})
    endif()
  endforeach()
endfunction()

# attune_mlir(name lib...): an interface target that carries MLIR's headers and static archives.
function(attune_mlir name)
  foreach(lib IN LISTS ARGN)
    attune_link_archives_instead_of_dylib(${lib})
  endforeach()
  add_library(${name} INTERFACE)
  target_include_directories(${name} SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_link_libraries(${name} INTERFACE ${ARGN})
endfunction()

# attune_tablegen(target td-file (output generator-flag)...): runs mlir-tblgen; `target` is what sources depend on.
# Outputs land in the build folder under the same path as the .td file, so `#include "compiler/ir/attn/X.inc"` works.
find_program(ATTUNE_MLIR_TBLGEN NAMES mlir-tblgen-22 mlir-tblgen HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
function(attune_tablegen target td)
  set(pairs ${ARGN})
  set(outputs)
  while(pairs)
    list(POP_FRONT pairs output flags)
    separate_arguments(flags)
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${output})
    add_custom_command(OUTPUT ${file} DEPENDS ${td} DEPFILE ${file}.d VERBATIM
      COMMAND ${ATTUNE_MLIR_TBLGEN} ${flags} -I ${PROJECT_SOURCE_DIR} -I ${MLIR_INCLUDE_DIRS} -d ${file}.d -o ${file} ${td})
    list(APPEND outputs ${file})
  endwhile()
  add_custom_target(${target} DEPENDS ${outputs})
  set_property(GLOBAL APPEND PROPERTY ATTUNE_TABLEGEN ${target})
endfunction()
