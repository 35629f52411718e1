# Writes OUTPUT, a C++ header with one string constant per file of FILES ("index.html" becomes
# web::index_html). Called as a script: cmake -DOUTPUT=... -DFILES=a;b -P embed.cmake
set(text "// Made by embed.cmake. Do not edit.\n#pragma once\n\nnamespace web {\n")
foreach(file IN LISTS FILES)
    get_filename_component(name "${file}" NAME)
    string(MAKE_C_IDENTIFIER "${name}" identifier)
    file(READ "${file}" content)
    string(APPEND text "\ninline constexpr char ${identifier}[] = R\"__FILE__(${content})__FILE__\";\n")
endforeach()
string(APPEND text "\n} // namespace web\n")
file(WRITE "${OUTPUT}" "${text}")
