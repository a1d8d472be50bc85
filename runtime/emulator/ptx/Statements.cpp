#include "runtime/emulator/ptx/Statements.h"

#include <bit>

namespace attune::emulator::ptx {

namespace {

/// A literal, or a name with an offset.
Operand simple(Cursor& at) {
  Operand made;
  made.negated = at.accept("!");
  const bool minus = at.accept("-");
  const Token token = at.take();
  if (token.kind == Token::Kind::Integer) {
    made.value = static_cast<std::int64_t>(minus ? 0 - static_cast<std::uint64_t>(token.value) : token.value);
  } else if (token.kind == Token::Kind::Float) {
    made.kind = Operand::Kind::Float;
    made.single = token.text.size() > 1 && (token.text[1] == 'f' || token.text[1] == 'F');
    made.value = std::bit_cast<std::int64_t>(std::bit_cast<double>(token.value) * (minus ? -1.0 : 1.0));
  } else if (token.kind == Token::Kind::Word) {
    made.kind = Operand::Kind::Name;
    made.name = std::string(token.text);
    if (at.accept("+") || (at.is("-") && at.peek(1).kind == Token::Kind::Integer))
      made.value = at.integer();
  } else {
    fail(token.line, "expected an operand, got '" + std::string(token.text) + "'");
  }
  return made;
}

Operand operand(Cursor& at) {
  Operand made;
  const unsigned line = at.peek().line;
  if (at.is("{") || at.is("(")) {
    const std::string_view closing = at.take().text == "{" ? "}" : ")";
    made.kind = Operand::Kind::Vector;
    while (!at.accept(closing)) {
      made.elements.push_back(simple(at));
      if (!at.is(closing))
        at.expect(",");
      if (at.peek().kind == Token::Kind::End)
        fail(line, "missing '" + std::string(closing) + "'");
    }
  } else if (at.accept("[")) {
    made.kind = Operand::Kind::Address;
    made.elements.push_back(simple(at));
    std::swap(made.value, made.elements[0].value);
    if (made.elements[0].kind == Operand::Kind::Integer)
      std::swap(made.value, made.elements[0].value);
    if (at.accept(",")) { // [tensor map, {coordinates}]
      if (!at.is("{"))
        fail(line, "expected coordinates in braces");
      made.elements.push_back(operand(at));
    }
    at.expect("]");
  } else {
    made = simple(at);
    if (at.accept("|")) {
      Operand pair;
      pair.kind = Operand::Kind::Pair;
      pair.elements = {made, simple(at)};
      return pair;
    }
  }
  return made;
}

} // namespace

Statement statement(Cursor& at, unsigned scope) {
  Statement made;
  made.scope = scope;
  made.line = at.peek().line;
  if (at.accept("@")) {
    made.guard_negated = at.accept("!");
    made.guard = at.word();
  }
  const std::string opcode = at.word();
  std::size_t begin = 0;
  for (std::size_t dot = 0; dot != std::string::npos; begin = dot + 1) {
    dot = opcode.find('.', begin);
    std::string part = opcode.substr(begin, dot == std::string::npos ? dot : dot - begin);
    if (begin == 0)
      made.opcode = std::move(part);
    else
      made.suffix.push_back(std::move(part));
  }
  while (!at.accept(";")) {
    made.operands.push_back(operand(at));
    if (!at.is(";"))
      at.expect(",");
  }
  return made;
}

} // namespace attune::emulator::ptx
