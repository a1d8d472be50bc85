#include "runtime/toolchain/Nvrtc.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace attune {
namespace {

namespace fs = std::filesystem;

constexpr const char* sonames[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};

std::string environment(const char* name) {
  const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "";
}

/// Entries of `folder` whose name starts with `prefix`, the last in the alphabet first: cuda-13.0 before cuda-12.8.
std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; it != end; it.increment(ignored))
    if (it->path().filename().string().starts_with(prefix))
      found.push_back(it->path());
  std::sort(found.rbegin(), found.rend());
  return found;
}

void addFolder(std::vector<std::string>& candidates, const fs::path& folder) {
  std::error_code ignored;
  for (const char* soname : sonames)
    if (fs::exists(folder / soname, ignored))
      candidates.push_back((folder / soname).string());
}

void addToolkit(std::vector<std::string>& candidates, const fs::path& root) {
  addFolder(candidates, root / "lib64");
  addFolder(candidates, root / "targets/x86_64-linux/lib");
}

/// The wheels put it in nvidia/cu13/lib (CUDA 13) and nvidia/cuda_nvrtc/lib (CUDA 12).
void addPython(std::vector<std::string>& candidates, const fs::path& prefix) {
  for (const fs::path& python : entries(prefix / "lib", "python3"))
    for (const char* packages : {"site-packages", "dist-packages"})
      for (const char* wheel : {"cu13", "cuda_nvrtc"})
        addFolder(candidates, python / packages / "nvidia" / wheel / "lib");
}

void addPythonsOnPath(std::vector<std::string>& candidates) {
  const std::string path = environment("PATH");
  std::error_code ignored;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const fs::path folder = path.substr(begin, end - begin);
    begin = end + 1;
    if (!fs::exists(folder / "python3", ignored))
      continue;
    addPython(candidates, folder.parent_path()); // also a virtual environment, whose python3 is a link
    addPython(candidates, fs::canonical(folder / "python3", ignored).parent_path().parent_path());
    if (folder.filename() == "shims") // pyenv: the python3 on PATH is a script
      for (const fs::path& version : entries(folder.parent_path() / "versions", "3"))
        addPython(candidates, version);
  }
  addPython(candidates, "/usr/local");
  if (const std::string home = environment("HOME"); !home.empty())
    addPython(candidates, fs::path(home) / ".local");
}

/// Where `./dev setup` puts the wheel: beside the build folder of a program that runs from a checkout.
void addCheckout(std::vector<std::string>& candidates) {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  for (const char* wheel : {"cu13", "cuda_nvrtc"})
    addFolder(candidates, program.parent_path().parent_path().parent_path() / ".nvrtc/nvidia" / wheel / "lib");
}

} // namespace

std::vector<std::string> nvrtcCandidates() {
  if (const std::string pinned = environment("ATTUNE_NVRTC"); !pinned.empty())
    return {pinned};
  std::vector<std::string> candidates(std::begin(sonames), std::end(sonames));
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const std::string root = environment(variable); !root.empty())
      addToolkit(candidates, root);
  for (const fs::path& root : entries("/usr/local", "cuda"))
    addToolkit(candidates, root);
  addPythonsOnPath(candidates);
  addCheckout(candidates);
  std::vector<std::string> unique;
  for (std::string& candidate : candidates)
    if (std::find(unique.begin(), unique.end(), candidate) == unique.end())
      unique.push_back(std::move(candidate));
  return unique;
}

} // namespace attune
