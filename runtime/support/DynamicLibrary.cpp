#include "runtime/support/DynamicLibrary.h"

#include <dlfcn.h>
#include <link.h>

namespace attune {

std::unique_ptr<DynamicLibrary> DynamicLibrary::open(const std::string& file, std::string& why) {
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    why = dlerror();
    return nullptr;
  }
  link_map* map = nullptr;
  const bool known =
      dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&map)) == 0 && map->l_name != nullptr && *map->l_name != '\0';
  return std::unique_ptr<DynamicLibrary>(new DynamicLibrary(handle, known ? map->l_name : file));
}

void* DynamicLibrary::symbol(const char* name) const { return dlsym(handle_, name); }

} // namespace attune
