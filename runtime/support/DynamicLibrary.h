#pragma once

#include <memory>
#include <string>

namespace attune {

/// A shared library opened at run time. It is never closed: NVRTC and the driver keep threads and handlers of their
/// own.
class DynamicLibrary {
public:
  /// Opens one file, or one soname through the loader's search path. Null if that fails; `why` then says what the
  /// loader said.
  static std::unique_ptr<DynamicLibrary> open(const std::string& file, std::string& why);

  /// Null if the library has no such symbol.
  void* symbol(const char* name) const;

  /// Where the loader found it.
  const std::string& path() const { return path_; }

private:
  DynamicLibrary(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  void* handle_;
  std::string path_;
};

} // namespace attune
