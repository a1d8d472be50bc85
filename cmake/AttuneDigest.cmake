# What a part of the program is made from, in 16 digits: so that what is kept on disk knows whether it is still about this program.
#
# attune_digest(variable FUNCTION name HEADER header ROOT folder FILES file...)
# sets `variable` to a source file that defines `std::string_view name()`, which `header` declares. It depends on the names below ROOT and on the contents of the
# files, and on nothing else: not on their order, on the folder they are in, or on when they were written.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(ATTUNE_DIGEST ${CMAKE_CURRENT_LIST_FILE})
  function(attune_digest variable)
    cmake_parse_arguments(arg "" "FUNCTION;HEADER;ROOT" "FILES" ${ARGN})
    string(REPLACE "::" "_" name ${arg_FUNCTION})
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
    set(list ${CMAKE_CURRENT_BINARY_DIR}/${name}.files) # changes when a file comes or goes
    string(REPLACE ";" "\n" lines "${arg_FILES}")
    file(CONFIGURE OUTPUT ${list} CONTENT "${lines}\n" @ONLY)
    add_custom_command(
      OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFUNCTION=${arg_FUNCTION} -DHEADER=${arg_HEADER} -DROOT=${arg_ROOT} -DLIST=${list} -P ${ATTUNE_DIGEST}
      DEPENDS ${arg_FILES} ${list} ${ATTUNE_DIGEST}
      COMMENT "Digesting ${arg_FUNCTION}"
      VERBATIM)
    set(${variable} ${output} PARENT_SCOPE)
  endfunction()
  return()
endif()

file(STRINGS ${LIST} files)
set(lines)
foreach(file IN LISTS files)
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(SHA256 ${file} digest)
  list(APPEND lines "${name} ${digest}")
endforeach()
list(SORT lines)
string(SHA256 digest "${lines}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUTPUT} "#include \"${HEADER}\"\n\nstd::string_view ${FUNCTION}() { return \"${digest}\"; }\n")
