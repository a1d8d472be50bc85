#include "runtime/emulator/Memory.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace attune::emulator {

namespace {
constexpr DevicePtr guard_bytes = 1 << 20;
constexpr std::size_t remembered_releases = 4096;
} // namespace

std::size_t MemoryView::find(DevicePtr address, std::size_t length) const {
  const auto after = std::upper_bound(buffers_.begin(), buffers_.end(), address,
                                      [](DevicePtr at, const auto& buffer) { return at < buffer->base; });
  if (after == buffers_.begin() || !(*(after - 1))->contains(address, length))
    return nowhere;
  return static_cast<std::size_t>(after - buffers_.begin()) - 1;
}

MemoryView MemoryView::beside(std::span<const DevicePtr> written, std::span<const DevicePtr> read) const {
  std::vector<std::shared_ptr<Buffer>> buffers = buffers_;
  const auto isOneOf = [](std::span<const DevicePtr> bases, const Buffer& buffer) {
    return std::ranges::find(bases, buffer.base) != bases.end();
  };
  for (auto& buffer : buffers)
    if (isOneOf(written, *buffer))
      buffer = std::make_shared<Buffer>(Buffer{.name = buffer->name, .base = buffer->base});
    else if (isOneOf(read, *buffer))
      buffer = std::make_shared<Buffer>(Buffer{
          .name = buffer->name, .base = buffer->base, .bytes = buffer->bytes, .read_only = true, .data = buffer->data});
  return MemoryView(std::move(buffers));
}

DevicePtr GlobalMemory::allocate(std::size_t bytes, std::string_view name) {
  auto buffer = std::make_shared<Buffer>();
  buffer->name = name;
  buffer->bytes = bytes;
  buffer->data.reset(new (std::nothrow) std::byte[std::max<std::size_t>(bytes, 1)]);
  if (!buffer->data)
    throw DeviceError("buffer '" + buffer->name + "': no memory for " + std::to_string(bytes) + " bytes");
  const std::lock_guard lock(mutex_);
  poison({buffer->data.get(), bytes}, seed_ ^ next_);
  buffer->base = next_;
  next_ += (bytes + 255) / 256 * 256 + guard_bytes;
  buffers_.push_back(buffer);
  return buffer->base;
}

void GlobalMemory::release(DevicePtr pointer) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(buffers_.begin(), buffers_.end(), [&](const auto& buffer) { return buffer->base == pointer; });
  if (found == buffers_.end())
    return;
  if (released_.size() == remembered_releases)
    released_.erase(released_.begin());
  released_.push_back({std::move((*found)->name), (*found)->base, (*found)->bytes});
  (*found)->name = released_.back().name;
  buffers_.erase(found);
}

void GlobalMemory::protect(DevicePtr pointer) {
  const std::lock_guard lock(mutex_);
  for (const auto& buffer : buffers_)
    buffer->read_only |= buffer->base == pointer;
}

std::byte* GlobalMemory::locate(DevicePtr address, std::size_t bytes, const char* what) const {
  const std::lock_guard lock(mutex_);
  for (const auto& buffer : buffers_)
    if (address >= buffer->base && buffer->contains(address, bytes))
      return buffer->data.get() + (address - buffer->base);
  throw DeviceError(std::string(what) + " of " + std::to_string(bytes) + " bytes is not inside one buffer: it begins " +
                    describe(address));
}

void GlobalMemory::write(DevicePtr destination, std::span<const std::byte> source) {
  if (!source.empty())
    std::memcpy(locate(destination, source.size(), "a copy to the device"), source.data(), source.size());
}

void GlobalMemory::read(std::span<std::byte> destination, DevicePtr source) const {
  if (!destination.empty())
    std::memcpy(destination.data(), locate(source, destination.size(), "a copy to the host"), destination.size());
}

MemoryView GlobalMemory::view() const {
  const std::lock_guard lock(mutex_);
  return MemoryView(buffers_);
}

std::string GlobalMemory::describe(DevicePtr address) const {
  std::string nearest;
  DevicePtr distance = ~DevicePtr{0};
  const auto consider = [&](const std::string& name, DevicePtr base, std::size_t bytes, const char* state) {
    const DevicePtr end = base + bytes;
    const DevicePtr away = address < base ? base - address : address >= end ? address - end : 0;
    if (away >= distance && !(address >= base && address < end))
      return;
    distance = away;
    const std::string whom = "'" + name + "' (" + std::to_string(bytes) + " bytes" + state + ")";
    if (address < base)
      nearest = std::to_string(away) + " bytes before " + whom;
    else if (address >= end)
      nearest = std::to_string(away) + " bytes past the end of " + whom;
    else
      nearest = "at offset " + std::to_string(address - base) + " of " + whom;
  };
  for (const Released& old : released_)
    consider(old.name, old.base, old.bytes, ", released");
  for (const auto& buffer : buffers_)
    consider(buffer->name, buffer->base, buffer->bytes, buffer->read_only ? ", read-only" : "");
  return nearest.empty() ? "far from any buffer" : nearest;
}

void poison(std::span<std::byte> bytes, std::uint64_t seed) {
  std::array<std::uint64_t, 1021> pattern; // no power of two, so that it is out of step with every row
  Random random{seed};
  for (std::uint64_t& value : pattern)
    value = (random.next() & 0x807f807f807f807f) | 0x7f817f817f817f81;
  while (!bytes.empty()) {
    const std::size_t length = std::min(bytes.size(), sizeof(pattern));
    std::memcpy(bytes.data(), pattern.data(), length);
    bytes = bytes.subspan(length);
  }
}

} // namespace attune::emulator
