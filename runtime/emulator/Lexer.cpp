#include "runtime/emulator/Lexer.h"

#include "attune/compiler/Error.h"

#include <cctype>
#include <charconv>
#include <cstdint>

namespace attune::emulator {

namespace {
bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.'; }
} // namespace

Lexer::Lexer(std::string_view source) : source_(source) { advance(); }

void Lexer::fail(const std::string& what) const {
  throw DeviceError("PTX line " + std::to_string(line_) + ": " + what + ", got '" + std::string(token_) + "'");
}

void Lexer::advance() {
  const auto next = [&](std::size_t ahead) { return position_ + ahead < source_.size() ? source_[position_ + ahead] : '\0'; };
  for (;;) {
    if (position_ >= source_.size() || next(0) == '\0') {
      token_ = {};
      line_ = next_line_;
      return;
    }
    if (next(0) == '\n') {
      ++next_line_, ++position_;
    } else if (std::isspace(static_cast<unsigned char>(next(0)))) {
      ++position_;
    } else if (next(0) == '/' && next(1) == '/') {
      while (position_ < source_.size() && next(0) != '\n')
        ++position_;
    } else if (next(0) == '/' && next(1) == '*') {
      for (position_ += 2; position_ < source_.size() && !(next(0) == '*' && next(1) == '/'); ++position_)
        next_line_ += next(0) == '\n';
      position_ = std::min(position_ + 2, source_.size());
    } else {
      break;
    }
  }
  line_ = next_line_;
  const std::size_t begin = position_;
  if (next(0) == '"') {
    ++position_;
    while (position_ < source_.size() && next(0) != '"' && next(0) != '\n')
      ++position_;
    position_ = std::min(position_ + 1, source_.size());
  } else if (isWord(next(0))) {
    while (position_ < source_.size() && (isWord(next(0)) || (next(0) == ':' && next(1) == ':')))
      position_ += next(0) == ':' ? 2 : 1;
  } else {
    ++position_;
  }
  token_ = source_.substr(begin, position_ - begin);
}

std::string_view Lexer::take() {
  const std::string_view token = token_;
  if (done())
    fail("expected more text");
  advance();
  return token;
}

bool Lexer::accept(std::string_view text) {
  if (!at(text))
    return false;
  advance();
  return true;
}

void Lexer::expect(std::string_view text) {
  if (!accept(text))
    fail("expected '" + std::string(text) + "'");
}

std::uint64_t Lexer::integer() {
  const bool negative = accept("-");
  std::string_view text = token_;
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X"))
    base = 16, text.remove_prefix(2);
  if (text.ends_with("U") || text.ends_with("u"))
    text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size())
    fail("expected an integer");
  advance();
  return negative ? 0 - value : value;
}

void Lexer::skipLine() {
  const int line = line_;
  while (!done() && line_ == line)
    advance();
}

} // namespace attune::emulator
