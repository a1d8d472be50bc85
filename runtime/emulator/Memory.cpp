#include "runtime/emulator/Memory.h"
#include "runtime/emulator/Program.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace attune::emulator {

std::uint64_t Memory::allocate(std::size_t bytes, std::string_view name) {
  constexpr std::uint64_t guard = 1 << 16; // stray accesses of a tile or two stay in it
  std::unique_ptr<std::byte[]> data(new (std::nothrow) std::byte[std::max<std::size_t>(bytes, 1)]);
  if (!data)
    throw DeviceError("emulated device: no host memory for buffer '" + std::string(name) + "' of " + std::to_string(bytes) + " bytes");
  std::memset(data.get(), 0xff, bytes);
  if (next_ == 0)
    next_ = global_window;
  const std::uint64_t address = next_;
  next_ += (bytes + 255) / 256 * 256 + guard;
  buffers_.push_back(std::make_unique<Buffer>(Buffer{address, bytes, std::string(name), std::move(data)}));
  return address;
}

void Memory::release(std::uint64_t address) noexcept {
  std::erase_if(buffers_, [&](const auto& b) { return b->address == address; });
}

const Buffer* Memory::find(std::uint64_t address, std::size_t bytes) const {
  auto after = std::ranges::upper_bound(buffers_, address, {}, [](const auto& b) { return b->address; });
  if (after == buffers_.begin())
    return nullptr;
  const Buffer& b = **std::prev(after);
  return address - b.address <= b.bytes && bytes <= b.bytes - (address - b.address) ? &b : nullptr;
}

std::string Memory::describe(std::uint64_t address) const {
  auto after = std::ranges::upper_bound(buffers_, address, {}, [](const auto& b) { return b->address; });
  std::string text;
  if (after != buffers_.begin()) {
    const Buffer& b = **std::prev(after);
    text = std::to_string(address - b.address) + " bytes from the start of '" + b.name + "' (" + std::to_string(b.bytes) + " bytes)";
  }
  if (after != buffers_.end() && (*after)->address - address < (1 << 20))
    text += (text.empty() ? "" : ", ") + std::to_string((*after)->address - address) + " bytes before '" + (*after)->name + "'";
  return text.empty() ? "near no buffer" : text;
}

} // namespace attune::emulator
