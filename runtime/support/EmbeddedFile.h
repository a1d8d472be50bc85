#pragma once

#include <span>
#include <string_view>

namespace attune {

/// A file of the source tree, embedded when this was built (cmake/AttuneEmbed.cmake).
struct EmbeddedFile {
  const char* name;
  const char* text;
};
using EmbeddedFiles = std::span<const EmbeddedFile>;

/// Null if there is none of that name.
inline const char* textOf(EmbeddedFiles files, std::string_view name) {
  for (const EmbeddedFile& file : files)
    if (file.name == name)
      return file.text;
  return nullptr;
}

} // namespace attune
