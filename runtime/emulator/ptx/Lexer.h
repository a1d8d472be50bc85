#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attune::emulator::ptx {

struct Token {
  enum class Kind : std::uint8_t { Word, Integer, Float, String, Punctuation, End };
  Kind kind = Kind::End;
  std::string_view text;
  std::int64_t value = 0; ///< Integer, or the bits of Float as f64
  unsigned line = 1;
};

/// Words keep their dots ("ld.global.v4.f32", ".reg") and '::'. Throws DeviceError for a character that PTX has not.
std::vector<Token> tokenize(std::string_view text);

[[noreturn]] void fail(unsigned line, const std::string& what);

} // namespace attune::emulator::ptx
