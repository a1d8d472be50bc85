#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"

#include <optional>
#include <string>
#include <type_traits>

// Keys of what is kept in memory: the bytes of what decides it. They never leave the process.

namespace attune {

/// Appends a value's bytes; of an optional one, whether it is there too.
template <class T>
void append(std::string& bytes, const T& value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
void append(std::string& bytes, const std::optional<T>& value) {
  append(bytes, value.has_value());
  append(bytes, value.value_or(T{}));
}
inline void append(std::string& bytes, const std::string& value) {
  append(bytes, value.size());
  bytes.append(value);
}

/// The spec with all that is no part of its kernels at its default: what compiled kernels and tuning records are for.
AttentionSpec canonical(AttentionSpec spec);

/// What the text of all kernels of a spec depends on.
std::string contentOf(const AttentionSpec& spec);
/// And of those under a schedule.
std::string contentOf(const AttentionSpec& spec, const Schedule& schedule);

} // namespace attune
