#pragma once

#include "attune/attune.hpp"
#include "runtime/cache/EntryStore.h"
#include "runtime/toolchain/Toolchain.h"

#include <optional>
#include <string>
#include <string_view>

namespace attune {

/// A compiled kernel as the cache keeps it.
struct KernelEntry {
  std::string name; ///< symbol
  std::string arch;
  Build build;
};

/// The options of the store that keeps them. `folder` is cache::userCacheFolder(), or empty: memory only.
cache::StoreOptions kernelStore(const std::filesystem::path& folder);

struct StoredBuild {
  Build build;
  cache::Key key;        ///< what the store has it under
  bool compiled = false; ///< now; else it was found, and the log is that of when it was compiled
};

/// Compiles a kernel through the cache: from disk, or by NVRTC, once among all processes. Without NVRTC, or if
/// `cache_only`, a kernel that another version of it compiled will do. Throws as Toolchain does, and CacheMiss.
StoredBuild buildThrough(cache::EntryStore& store, std::string_view cuda, std::string_view name, std::string_view arch,
                         Image::Kind kind, bool cache_only = false);

/// Content only: whatever decides the binary is in it. `compiler` is the variant: "nvrtc 13.0".
cache::Key keyOf(std::string_view cuda, std::string_view name, std::string_view arch, Image::Kind kind,
                 std::string compiler);

/// One line of JSON (name, arch, image, registers, ...: what a listing shows), and the image.
std::string toPayload(const KernelEntry& entry);
std::optional<KernelEntry> fromPayload(std::string_view payload);

} // namespace attune
