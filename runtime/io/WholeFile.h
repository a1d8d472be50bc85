#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace attune {

/// All bytes of a regular file. Throws UserError where there is none to read.
std::vector<std::byte> readWhole(const std::filesystem::path& path);

/// Writes the parts one after another: readers see the old file or the whole new one, never half of it, even after a
/// crash. They go to a private file in the same folder, which is synced and then renamed. Throws UserError where the
/// path cannot be written, DeviceError if writing fails half-way; neither leaves anything behind.
void writeWhole(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);

} // namespace attune
