#include "runtime/engine/TensorChecks.h"

#include "compiler/spec/Refuse.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>

namespace attune {

namespace {

std::string_view nameOf(Element element) {
  switch (element) {
  case Element::BF16:
    return "bf16";
  case Element::F16:
    return "fp16";
  case Element::F32:
    return "fp32";
  case Element::I32:
    return "int32";
  case Element::U8:
    return "uint8";
  case Element::E4M3:
    return "fp8_e4m3";
  }
  return "?";
}

std::string listed(const Tensor& t, const Strides& strides) {
  return fmt::format("({})", fmt::join(std::span(strides).first(t.shape.size()), ", "));
}

} // namespace

void checkGiven(std::string_view name, const Tensor& t) {
  if (t.data == 0 && std::ranges::find(t.shape, 0) == t.shape.end())
    invalid(fmt::format("no {}", name), "the spec calls for it", "pass it to launch");
}

void checkPlace(std::string_view name, const Tensor& t, std::size_t alignment, const Device& device) {
  if (t.data % alignment != 0)
    invalid(fmt::format("{} at address {:#x}", name, t.data), fmt::format("it is aligned to {} bytes", alignment),
            "start the view at an aligned element");
  if (t.device != nullptr && t.device != &device)
    invalid(fmt::format("{} on {}", name, t.device->properties().name), "it lies on the device that the plan is for",
            "copy it there, or prepare a plan for its device");
}

void checkElement(std::string_view name, const Tensor& t, Element expected) {
  if (t.data == 0 && t.shape.empty())
    invalid(fmt::format("no {}", name), "the spec calls for it", "pass it to launch");
  if (t.element != expected)
    invalid(fmt::format("{} of {}", name, nameOf(t.element)), fmt::format("it must be {} here", nameOf(expected)),
            "convert it, or change the spec's dtype");
}

Strides checkShape(std::string_view name, const Tensor& t, std::initializer_list<std::int64_t> expected) {
  if (!std::ranges::equal(t.shape, expected))
    invalid(fmt::format("{} of shape ({})", name, fmt::join(t.shape, ", ")),
            fmt::format("its shape must be ({})", fmt::join(expected, ", ")),
            "give the tensor that the spec and the plan's shapes describe");
  if (!t.strides.empty() && t.strides.size() != t.shape.size())
    invalid(fmt::format("{} with {} strides", name, t.strides.size()), "there is one stride per dimension",
            "leave strides out for a contiguous tensor");
  Strides strides{};
  if (!t.strides.empty()) {
    std::ranges::copy(t.strides, strides.begin());
    return strides;
  }
  std::int64_t stride = 1;
  for (std::size_t n = t.shape.size(); n-- > 0;) {
    strides[n] = stride;
    stride *= std::max<std::int64_t>(t.shape[n], 1);
  }
  return strides;
}

void checkRows(std::string_view name, const Tensor& t, const Strides& strides) {
  const std::size_t last = t.shape.size() - 1;
  const auto per_copy = static_cast<std::int64_t>(16 / bytesOf(t.element));
  bool fine = strides[last] == 1;
  for (std::size_t n = 0; n < last; ++n)
    fine = fine && (t.shape[n] <= 1 || (strides[n] >= 0 && strides[n] % per_copy == 0));
  if (!fine)
    invalid(fmt::format("{} with strides {}", name, listed(t, strides)),
            fmt::format("elements of a head are contiguous, and all other strides are 0 or positive multiples of {} "
                        "elements: kernels copy 16 bytes at a time",
                        per_copy),
            "copy it into a contiguous tensor");
}

void checkDistinct(std::string_view name, const Tensor& t, const Strides& strides) {
  // from the innermost dimension outwards, each step leaves behind all that is inside of it
  std::array<std::pair<std::int64_t, std::int64_t>, 4> dims; // stride and extent, by stride
  std::size_t rank = 0;
  for (std::size_t n = 0; n < t.shape.size(); ++n)
    if (t.shape[n] > 1) {
      std::size_t at = rank++;
      for (; at > 0 && dims[at - 1].first > strides[n]; --at)
        dims[at] = dims[at - 1];
      dims[at] = {strides[n], t.shape[n]};
    }
  std::int64_t last = 0; // element of what is inside
  for (std::size_t n = 0; n < rank; ++n) {
    if (dims[n].first <= last)
      invalid(fmt::format("{} of shape ({}) with strides {}", name, fmt::join(t.shape, ", "), listed(t, strides)),
              "elements of an output do not overlap", "give it memory of its own");
    last += dims[n].first * (dims[n].second - 1);
  }
}

} // namespace attune
