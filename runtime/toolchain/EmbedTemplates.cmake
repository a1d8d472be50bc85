# cmake -DROOT=templates -DOUTPUT=Templates.cpp -P EmbedTemplates.cmake
# Turns templates/**/*.cuh into a C++ table of (name, text). A header templates/tile/x.cuh is called "attune/tile/x.cuh".
file(GLOB_RECURSE headers RELATIVE ${ROOT} ${ROOT}/*.cuh)
list(SORT headers)
set(text "#include \"runtime/toolchain/Templates.h\"\n\nnamespace attune {\n\nconst std::vector<Template>& templates() {\n  static const std::vector<Template> table = {\n")
foreach(header IN LISTS headers)
  file(READ ${ROOT}/${header} body)
  string(APPEND text "      {\"attune/${header}\", R\"attune_cuh(${body})attune_cuh\"},\n")
endforeach()
string(APPEND text "  };\n  return table;\n}\n\n} // namespace attune\n")
file(WRITE ${OUTPUT} "${text}")
