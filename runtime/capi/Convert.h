#pragma once

#include "attune/attune.h"
#include "attune/attune.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace attune::capi {

/// Throws UserError unless the caller gave it.
template <class T>
void present(const T* pointer, std::string_view name) {
  if (pointer == nullptr)
    throw UserError(UserError::Kind::Invalid, std::string(name) + " is NULL", "it is needed", "pass one");
}

/// Clears what a function returns through a pointer, so that it is cleared if the function fails. Throws UserError if
/// the caller gave none.
template <class T>
void cleared(T* result, std::string_view name) {
  present(result, name);
  *result = T{};
}

/// A struct of the caller's, who may have been compiled with an older or newer header: what it lacks is zero. Throws
/// UserError if struct_size was not set, or if a field that this library does not know is.
template <class T>
T sized(const T* given, std::string_view name) {
  T known{};
  if (given == nullptr)
    return known;
  const std::size_t size = given->struct_size;
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (size < sizeof(std::size_t) || size > 4096)
    throw UserError(UserError::Kind::Invalid, std::string(name) + ".struct_size " + std::to_string(size),
                    "it is the size of the struct", "set it to sizeof(" + std::string(name) + ")");
  if (size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + size, [](unsigned char b) { return b != 0; }))
    throw UserError(UserError::Kind::Unsupported, std::string(name) + " with fields of a newer version",
                    "this library does not know them", "leave them zero, or update the library");
  std::memcpy(&known, given, std::min(size, sizeof(T)));
  return known;
}

/// Throws UserError for a number that is no attune_mode.
PrepareMode mode(std::int32_t given);

/// An absent tensor is one without data: the engine says whether it is needed.
Tensor tensor(std::string_view name, const attune_tensor* given);

} // namespace attune::capi
