# cmake -DROOT=page -DOUTPUT=Pages.cpp -P EmbedPages.cmake
# Turns page/* into a C++ table of (name, text).
file(GLOB pages RELATIVE ${ROOT} ${ROOT}/*)
list(SORT pages)
list(LENGTH pages count)
set(text "#include \"autotune/report/Template.h\"\n\nnamespace attune::autotune {\n\nconst PageFile page_files[] = {\n")
foreach(page IN LISTS pages)
  file(READ ${ROOT}/${page} body)
  string(APPEND text "    {\"${page}\", R\"page(${body})page\"},\n")
endforeach()
string(APPEND text "};\nconst unsigned page_file_count = ${count};\n\n} // namespace attune::autotune\n")
file(WRITE ${OUTPUT} "${text}")
