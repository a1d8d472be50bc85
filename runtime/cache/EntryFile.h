#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace attune::cache {

/// The bytes of one file: magic, lengths, key, payload, and a BLAKE3 digest of all before it.
struct Entry {
  std::string key, variant, payload;
};

std::string encode(const Entry& entry);

/// Null if a single byte is missing, too many or different; `why` then says what is wrong.
std::optional<Entry> decode(std::string_view bytes, std::string& why);

/// 64 hexadecimal digits.
std::string digestOf(std::string_view text);

} // namespace attune::cache
