#pragma once

#include "attune/Device.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attune::emulator {

/// One buffer: exactly as long as it was asked for, far from its neighbours in the address space.
struct Buffer {
  std::uint64_t address;
  std::size_t bytes;
  std::string name;
  std::unique_ptr<std::byte[]> data;
};

/// Global memory of the emulated device. Contents are 0xff until written, which is NaN in every floating-point format.
class Memory {
public:
  /// Throws DeviceError when the host has no room.
  std::uint64_t allocate(std::size_t bytes, std::string_view name);
  void release(std::uint64_t address) noexcept;

  /// The buffer that holds [address, address + bytes), or null. Not to be called while another thread allocates.
  const Buffer* find(std::uint64_t address, std::size_t bytes) const;
  /// What to say of an address that is in no buffer: the nearest one, and how far off.
  std::string describe(std::uint64_t address) const;

private:
  std::vector<std::unique_ptr<Buffer>> buffers_; ///< by address
  std::uint64_t next_ = 0;
};

} // namespace attune::emulator
