#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace attune {

/// A key of what is kept in memory: the bytes of what decides it. They never leave the process. It is made in each
/// prepare(), so it takes memory only where there is a custom mask.
class Content {
public:
  template <class T>
  void add(const T& value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    add(&value, sizeof value);
  }
  /// Whether it is there too.
  template <class T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    add(value.value_or(T{}));
  }
  void add(std::string_view text) {
    add(text.size());
    add(text.data(), text.size());
  }

  std::string_view bytes() const { return longer_.empty() ? std::string_view(room_.data(), size_) : longer_; }

private:
  void add(const void* bytes, std::size_t count) {
    if (longer_.empty() && size_ + count <= room_.size()) {
      std::memcpy(room_.data() + size_, bytes, count);
      size_ += count;
      return;
    }
    if (longer_.empty())
      longer_.assign(room_.data(), size_);
    longer_.append(static_cast<const char*>(bytes), count);
  }

  std::array<char, 320> room_; ///< twice what a spec, shapes and a device take
  std::size_t size_ = 0;
  std::string longer_; ///< all of it, if it does not fit
};

/// What is kept by content. A look-up takes no memory.
struct ContentHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view bytes) const { return std::hash<std::string_view>()(bytes); }
};
template <class T>
using ByContent = std::unordered_map<std::string, T, ContentHash, std::equal_to<>>;

/// The spec with all that is no part of its kernels at its default: what compiled kernels and tuning records are for.
AttentionSpec canonical(AttentionSpec spec);

/// What the text of all kernels of a spec depends on.
Content contentOf(const AttentionSpec& spec);
/// And of those under a schedule.
Content contentOf(const AttentionSpec& spec, const Schedule& schedule);

} // namespace attune
