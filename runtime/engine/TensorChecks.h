#pragma once

#include "attune/attune.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace attune {

/// Strides of at most four dimensions, in elements.
using Strides = std::array<std::int64_t, 4>;

// What a tensor must be like to be launched on. All throw UserError: value, rule, remedy; the text is made only then.

/// There is one: an address, or an extent of zero. First of all, so that nobody is told about the shape of a tensor
/// that was forgotten.
void checkGiven(std::string_view name, const Tensor& tensor);
/// Its address' alignment in bytes, and the device if that is known.
void checkPlace(std::string_view name, const Tensor& tensor, std::size_t alignment, const Device& device);
void checkElement(std::string_view name, const Tensor& tensor, Element expected);
/// Shape, and one stride per dimension if there are any. Returns the strides, those of a contiguous tensor if it has
/// none.
Strides checkShape(std::string_view name, const Tensor& tensor, std::initializer_list<std::int64_t> expected);
/// Elements of a head are contiguous, and other strides are multiples of 8: kernels copy 16 bytes at a time.
void checkRows(std::string_view name, const Tensor& tensor, const Strides& strides);
/// No two elements of an output are in the same place.
void checkDistinct(std::string_view name, const Tensor& tensor, const Strides& strides);

} // namespace attune
