# cmake -DROOT=autotune/bench -DOUTPUT=Embedded.cpp -P EmbedKernels.cmake
# Turns kernels/*.cu and the page into functions that return their text.
set(text "#include \"autotune/bench/Embedded.h\"\n\nnamespace attune::bench {\n\n")
file(GLOB files ${ROOT}/kernels/*.cu)
string(APPEND text "std::string_view kernelText(std::string_view name) {\n")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} body)
  string(APPEND text "  if (name == \"${name}\")\n    return R\"attune_cu(${body})attune_cu\";\n")
endforeach()
file(READ ${ROOT}/page.html page)
string(APPEND text "  return {};\n}\n\nstd::string_view pageText() {\n  return R\"attune_page(${page})attune_page\";\n}\n\n} // namespace attune::bench\n")
file(WRITE ${OUTPUT} "${text}")
