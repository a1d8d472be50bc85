#include "attune/attune.hpp"

#include "compiler/spec/Refuse.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace attune {

namespace {

/// The shape, if it is one.
std::vector<std::int64_t> checked(std::vector<std::int64_t> shape, std::string_view name) {
  std::int64_t count = 8; // no element has more bytes
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, std::max<std::int64_t>(extent, 1), &count))
      invalid(fmt::format("{} of shape ({})", name, fmt::join(shape, ", ")),
              "extents are not negative, and their product is a number of 64 bits", "give the tensor's shape");
  return shape;
}

} // namespace

Buffer::Buffer(std::shared_ptr<Device> device, Element element, std::vector<std::int64_t> shape, std::string_view name)
    : device_(std::move(device)), tensor_{0, element, checked(std::move(shape), name), {}, device_.get()} {
  tensor_.data = device_->allocate(bytes(), name);
}

Buffer::Buffer(std::shared_ptr<Device> device, Element element, std::vector<std::int64_t> shape,
               std::span<const std::byte> host, std::string_view name)
    : Buffer(std::move(device), element, std::move(shape), name) {
  if (host.size() != bytes())
    invalid(std::to_string(host.size()) + " bytes for " + std::string(name),
            "the tensor has " + std::to_string(bytes()), "give data of the tensor's size");
  device_->copyToDevice(tensor_.data, host);
}

Buffer::~Buffer() { device_->release(tensor_.data); }

std::size_t Buffer::bytes() const {
  std::size_t count = bytesOf(tensor_.element);
  for (const std::int64_t extent : tensor_.shape)
    count *= static_cast<std::size_t>(extent);
  return count;
}

void Buffer::copyTo(std::span<std::byte> host) const {
  if (host.size() != bytes())
    invalid("a copy to " + std::to_string(host.size()) + " bytes", "the tensor has " + std::to_string(bytes()),
            "give room for the whole tensor");
  device_->synchronize();
  device_->copyToHost(host, tensor_.data);
}

} // namespace attune
