#include "runtime/cache/Paths.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace attune::cache {

namespace {

std::optional<std::string> environment(const char* name) {
  const char* const value = ::secure_getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

} // namespace

std::filesystem::path userCacheFolder() {
  if (const auto chosen = environment("ATTUNE_CACHE_DIR"))
    return chosen->empty() ? std::filesystem::path() : std::filesystem::absolute(*chosen);
  if (const auto xdg = environment("XDG_CACHE_HOME"); xdg && xdg->starts_with('/'))
    return std::filesystem::path(*xdg) / "attune";
  if (const auto home = environment("HOME"); home && home->starts_with('/'))
    return std::filesystem::path(*home) / ".cache/attune";
  return {};
}

std::vector<std::filesystem::path> systemCacheFolders() {
  std::string all = environment("XDG_DATA_DIRS").value_or("");
  if (all.empty())
    all = "/usr/local/share:/usr/share";
  std::vector<std::filesystem::path> folders;
  for (std::string_view rest = all; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (rest.starts_with('/'))
      folders.push_back(std::filesystem::path(rest.substr(0, end)) / "attune");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return folders;
}

} // namespace attune::cache
