#include "runtime/emulator/ptx/Lexer.h"

#include "attune/compiler/Error.h"

#include <bit>
#include <charconv>

namespace attune::emulator::ptx {

void fail(unsigned line, const std::string& what) {
  throw DeviceError("PTX line " + std::to_string(line) + ": " + what);
}

namespace {

// Of ASCII, whatever the locale.
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool startsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' || c == '.';
}
bool continuesWord(char c) { return startsWord(c) || isDigit(c); }

class Lexer {
public:
  /// PTX is a C string to NVRTC and the driver: it ends at a NUL.
  explicit Lexer(std::string_view text) : text_(text.substr(0, text.find('\0'))) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    for (skipSpace(); at_ < text_.size(); skipSpace())
      tokens.push_back(next());
    tokens.push_back({Token::Kind::End, {}, 0, line_});
    return tokens;
  }

private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void skipSpace() {
    while (at_ < text_.size()) {
      if (peek() == '\n') {
        ++line_, ++at_;
      } else if (isSpace(peek())) {
        ++at_;
      } else if (peek() == '/' && peek(1) == '/') {
        while (at_ < text_.size() && peek() != '\n')
          ++at_;
      } else if (peek() == '/' && peek(1) == '*') {
        for (at_ += 2; at_ < text_.size() && !(peek() == '*' && peek(1) == '/'); ++at_)
          line_ += peek() == '\n';
        at_ = std::min(at_ + 2, text_.size());
      } else {
        return;
      }
    }
  }

  Token next() {
    const std::size_t begin = at_;
    const char c = peek();
    if (isDigit(c))
      return number(begin);
    if (startsWord(c)) {
      while (continuesWord(peek()) || (peek() == ':' && peek(1) == ':' && continuesWord(peek(2))))
        at_ += peek() == ':' ? 2 : 1;
      return {Token::Kind::Word, text_.substr(begin, at_ - begin), 0, line_};
    }
    if (c == '"') {
      for (++at_; at_ < text_.size() && peek() != '"' && peek() != '\n'; ++at_)
        at_ += peek() == '\\' && peek(1) != '\n';
      at_ = std::min(at_ + 1, text_.size());
      return {Token::Kind::String, text_.substr(begin, at_ - begin), 0, line_};
    }
    if (std::string_view("{}[]()<>,;:+-!|@=*").find(c) == std::string_view::npos)
      fail(line_, std::string("unexpected character '") + c + "'");
    ++at_;
    return {Token::Kind::Punctuation, text_.substr(begin, 1), 0, line_};
  }

  /// 0fXXXXXXXX, 0dXXXXXXXXXXXXXXXX, 0x..., 0b..., octal, decimal, 1.5e3.
  Token number(std::size_t begin) {
    const char mark = peek() == '0' ? peek(1) : '\0';
    const bool hex_float = mark == 'f' || mark == 'F' || mark == 'd' || mark == 'D';
    int base = 10;
    if (hex_float || mark == 'x' || mark == 'X')
      base = 16, at_ += 2;
    else if (mark == 'b' || mark == 'B')
      base = 2, at_ += 2;
    else if (isDigit(mark))
      base = 8, at_ += 1;
    std::uint64_t value = 0;
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    const auto [end, error] = std::from_chars(first, last, value, base);
    if (error != std::errc{})
      fail(line_, "malformed number");
    if (base == 10 && end != last && (*end == '.' || *end == 'e' || *end == 'E')) {
      double real = 0;
      const auto parsed = std::from_chars(first, last, real);
      at_ += static_cast<std::size_t>(parsed.ptr - first);
      return {Token::Kind::Float, text_.substr(begin, at_ - begin), std::bit_cast<std::int64_t>(real), line_};
    }
    at_ += static_cast<std::size_t>(end - first);
    if (peek() == 'U' || peek() == 'u')
      ++at_;
    const std::string_view spelled = text_.substr(begin, at_ - begin);
    if (!hex_float)
      return {Token::Kind::Integer, spelled, static_cast<std::int64_t>(value), line_};
    if (mark == 'f' || mark == 'F')
      value = std::bit_cast<std::uint64_t>(double{std::bit_cast<float>(static_cast<std::uint32_t>(value))});
    return {Token::Kind::Float, spelled, static_cast<std::int64_t>(value), line_};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
};

} // namespace

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

} // namespace attune::emulator::ptx
