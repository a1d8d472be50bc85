#pragma once

#include "attune/Device.h"

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace attune::emulator {

/// Generic addresses of the windows that are not global memory.
constexpr DevicePtr shared_window = 0x7000'0000'0000;
constexpr DevicePtr local_window = 0x7100'0000'0000;
constexpr DevicePtr param_window = 0x7200'0000'0000;
constexpr DevicePtr window_bytes = 0x0100'0000'0000;
/// Bits of a shared memory address from here on are the rank in its cluster of the block that it belongs to.
constexpr unsigned rank_shift = 24;

struct Buffer {
  std::string name;
  DevicePtr base = 0;
  std::size_t bytes = 0;
  bool read_only = false;
  std::shared_ptr<std::byte[]> data;

  bool contains(DevicePtr address, std::size_t length) const {
    return address - base <= bytes && length <= bytes - (address - base);
  }
};

/// The buffers of one moment, in order of address. A launch looks at one and keeps its buffers alive.
class MemoryView {
public:
  explicit MemoryView(std::vector<std::shared_ptr<Buffer>> buffers) : buffers_(std::move(buffers)) {}

  static constexpr std::size_t nowhere = ~std::size_t{0};
  /// Index of the buffer that holds all of [address, address + length), or nowhere.
  std::size_t find(DevicePtr address, std::size_t length) const;
  const Buffer& operator[](std::size_t index) const { return *buffers_[index]; }
  std::size_t size() const { return buffers_.size(); }
  /// The same for a kernel beside which another one runs: nothing in the buffers that the other writes, and those that
  /// it reads are read-only. Buffers are named by where they begin.
  MemoryView beside(std::span<const DevicePtr> written, std::span<const DevicePtr> read) const;

private:
  std::vector<std::shared_ptr<Buffer>> buffers_;
};

/// Global memory. Addresses are never used twice and every buffer lies in a gap of its own, so that a stray access
/// or one after a release meets nothing. Thread-safe.
class GlobalMemory {
public:
  explicit GlobalMemory(std::uint64_t seed) : seed_(seed) {}

  /// Filled with poison. Throws DeviceError where the host has no memory left.
  DevicePtr allocate(std::size_t bytes, std::string_view name);
  void release(DevicePtr pointer) noexcept;
  void protect(DevicePtr pointer); ///< makes it read-only for kernels
  void write(DevicePtr destination, std::span<const std::byte> source);
  void read(std::span<std::byte> destination, DevicePtr source) const;
  MemoryView view() const;
  /// "12 bytes past the end of 'k' (4096 bytes)"
  std::string describe(DevicePtr address) const;

private:
  std::byte* locate(DevicePtr address, std::size_t bytes, const char* what) const;

  mutable std::mutex mutex_;
  std::uint64_t seed_;
  DevicePtr next_ = 0x10'0000'0000;
  std::vector<std::shared_ptr<Buffer>> buffers_;
  struct Released {
    std::string name;
    DevicePtr base;
    std::size_t bytes;
  };
  std::vector<Released> released_;
};

/// Fills with halves that are NaN as f16, bf16 and f32 alike and differ by seed.
void poison(std::span<std::byte> bytes, std::uint64_t seed);

/// A small seeded generator (splitmix64).
struct Random {
  std::uint64_t state = 0;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32); }
};

} // namespace attune::emulator
