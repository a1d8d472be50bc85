#pragma once

#include "runtime/emulator/ptx/Lexer.h"

#include <algorithm>

namespace attune::emulator::ptx {

/// A place in the tokens of a text. What is not there as expected is a DeviceError that names the line.
class Cursor {
public:
  explicit Cursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is(std::string_view text) const { return peek().text == text && peek().kind != Token::Kind::String; }
  bool accept(std::string_view text) { return is(text) && (take(), true); }
  void expect(std::string_view text) {
    if (!accept(text))
      fail(peek().line, "expected '" + std::string(text) + "', got '" + std::string(peek().text) + "'");
  }
  std::string word() {
    if (peek().kind != Token::Kind::Word)
      fail(peek().line, "expected a name, got '" + std::string(peek().text) + "'");
    return std::string(take().text);
  }
  std::int64_t integer() {
    const bool minus = accept("-");
    if (peek().kind != Token::Kind::Integer)
      fail(peek().line, "expected an integer, got '" + std::string(peek().text) + "'");
    const auto value = static_cast<std::uint64_t>(take().value);
    return static_cast<std::int64_t>(minus ? 0 - value : value);
  }
  /// What is left of the line.
  void skipLine(unsigned line) {
    while (peek().kind != Token::Kind::End && peek().line == line)
      take();
  }
  void skipBraces() {
    expect("{");
    for (int depth = 1; depth > 0;) {
      if (peek().kind == Token::Kind::End)
        fail(peek().line, "missing '}'");
      depth += is("{") ? 1 : is("}") ? -1 : 0;
      take();
    }
  }

private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

} // namespace attune::emulator::ptx
