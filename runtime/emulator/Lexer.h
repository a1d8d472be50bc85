#pragma once

#include <string>
#include <string_view>

namespace attune::emulator {

/// Splits PTX into words, numbers and punctuation; comments and preprocessor lines are gone.
class Lexer {
public:
  explicit Lexer(std::string_view source);

  std::string_view peek() const { return token_; }
  bool at(std::string_view text) const { return token_ == text; }
  bool done() const { return token_.empty(); }
  int line() const { return line_; }

  std::string_view take();
  bool accept(std::string_view text);
  void expect(std::string_view text);
  std::uint64_t integer();
  void skipLine();
  [[noreturn]] void fail(const std::string& what) const;

private:
  void advance();

  std::string_view source_;
  std::size_t position_ = 0;
  std::string_view token_;
  int line_ = 1;
  int next_line_ = 1;
};

} // namespace attune::emulator
