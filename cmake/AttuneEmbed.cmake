# Files that the program carries.
#
# attune_embed(variable FUNCTION name HEADER header ROOT folder FILES file... [PREFIX text])
# sets `variable` to a source file that defines `attune::EmbeddedFiles name()`, which `header` declares. Files are known by PREFIX and their path below ROOT.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(ATTUNE_EMBED ${CMAKE_CURRENT_LIST_FILE})
  function(attune_embed variable)
    cmake_parse_arguments(arg "" "FUNCTION;HEADER;ROOT;PREFIX" "FILES" ${ARGN})
    string(REPLACE "::" "_" name ${arg_FUNCTION})
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
    add_custom_command(
      OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFUNCTION=${arg_FUNCTION} -DHEADER=${arg_HEADER} -DROOT=${arg_ROOT} -DPREFIX=${arg_PREFIX}
              "-DFILES=${arg_FILES}" -P ${ATTUNE_EMBED}
      DEPENDS ${arg_FILES} ${ATTUNE_EMBED}
      COMMENT "Embedding ${arg_FUNCTION}"
      VERBATIM)
    set(${variable} ${output} PARENT_SCOPE)
  endfunction()
  return()
endif()

list(SORT FILES)
set(text "#include \"${HEADER}\"\n\nattune::EmbeddedFiles ${FUNCTION}() {\n  static constexpr attune::EmbeddedFile files[] = {\n")
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(READ ${file} body)
  string(APPEND text "      {\"${PREFIX}${name}\", R\"embedded(${body})embedded\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${text}  };\n  return files;\n}\n")
