#include "runtime/emulator/ptx/Declarations.h"

#include <bit>
#include <cstring>

namespace attune::emulator::ptx {

bool parseType(const std::string& text, Type& type) {
  std::string_view name = text;
  if (name.starts_with('.'))
    name.remove_prefix(1);
  static const std::map<std::string_view, Type> known = {
      {"pred", {'p', 1}}, {"b8", {'b', 8}},   {"u8", {'u', 8}},   {"s8", {'s', 8}},     {"b16", {'b', 16}},
      {"u16", {'u', 16}}, {"s16", {'s', 16}}, {"f16", {'f', 16}}, {"bf16", {'h', 16}},  {"b32", {'b', 32}},
      {"u32", {'u', 32}}, {"s32", {'s', 32}}, {"f32", {'f', 32}}, {"f16x2", {'F', 32}}, {"bf16x2", {'H', 32}},
      {"b64", {'b', 64}}, {"u64", {'u', 64}}, {"s64", {'s', 64}}, {"f64", {'f', 64}},   {"b128", {'b', 128}},
  };
  const auto found = known.find(name);
  if (found == known.end())
    return false;
  type = found->second;
  return true;
}

namespace {

constexpr std::size_t max_variable_bytes = std::size_t{1} << 30;

bool spaceOf(std::string_view word, Space& space) {
  static const std::map<std::string_view, Space> known = {{".global", Space::Global}, {".shared", Space::Shared},
                                                          {".local", Space::Local},   {".const", Space::Const},
                                                          {".param", Space::Param},   {".reg", Space::Register}};
  const auto found = known.find(word);
  if (found != known.end())
    space = found->second;
  return found != known.end();
}

/// `.shared .align 16 .b8 name[128]` without what follows it.
Variable declaration(Cursor& at) {
  Variable variable;
  const Token first = at.peek();
  if (!spaceOf(first.text, variable.space))
    fail(first.line, "expected a declaration, got '" + std::string(first.text) + "'");
  at.take();
  unsigned lanes = 1;
  bool typed = false;
  Space pointee = Space::Generic;
  while (at.peek().kind == Token::Kind::Word && at.peek().text.starts_with('.')) {
    const std::string attribute = at.word();
    if (attribute == ".align")
      variable.alignment = static_cast<std::size_t>(at.integer());
    else if (attribute == ".v2" || attribute == ".v4")
      lanes = attribute == ".v2" ? 2 : 4;
    else if (attribute == ".ptr" || spaceOf(attribute, pointee))
      ; // .param .u64 .ptr .global .align 16: a promise about the pointer
    else if (parseType(attribute, variable.type))
      typed = true;
    else
      fail(first.line, "unknown attribute '" + attribute + "'");
  }
  if (!typed)
    fail(first.line, "a declaration without a type");
  if (variable.alignment == 0 || variable.alignment > 65536 || !std::has_single_bit(variable.alignment))
    fail(first.line, "alignment " + std::to_string(variable.alignment) + " is no power of two");
  variable.alignment = std::max<std::size_t>(variable.alignment, std::size_t{variable.type.bytes()} * lanes);
  variable.name = at.word();
  variable.bytes = std::size_t{variable.type.bytes()} * lanes;
  while (at.accept("[")) {
    const std::int64_t count = at.is("]") ? 0 : at.integer();
    if (count < 0 || static_cast<std::size_t>(count) > max_variable_bytes)
      fail(first.line, "array bound out of range");
    variable.bytes *= static_cast<std::size_t>(count);
    if (variable.bytes > max_variable_bytes)
      fail(first.line, "'" + variable.name + "' is too large");
    at.expect("]");
  }
  return variable;
}

void initializer(Cursor& at, Variable& variable, std::vector<std::byte>& bytes) {
  const unsigned line = at.peek().line;
  if (at.accept("{")) {
    while (!at.accept("}")) {
      initializer(at, variable, bytes);
      if (!at.is("}"))
        at.expect(",");
    }
    return;
  }
  const unsigned width = variable.type.bytes();
  std::uint64_t value = 0;
  const bool minus = at.accept("-");
  const Token token = at.take();
  if (token.kind == Token::Kind::Integer) {
    value = static_cast<std::uint64_t>(minus ? -token.value : token.value);
  } else if (token.kind == Token::Kind::Float) {
    const double real = std::bit_cast<double>(token.value) * (minus ? -1 : 1);
    value = width == 4 ? std::bit_cast<std::uint32_t>(static_cast<float>(real)) : std::bit_cast<std::uint64_t>(real);
  } else if (token.kind == Token::Kind::Word) {
    Relocation relocation{bytes.size(), width, std::string(token.text), 0};
    if (token.text == "generic") {
      at.expect("(");
      relocation.symbol = at.word();
      at.expect(")");
    }
    if (at.accept("+"))
      relocation.addend = at.integer();
    variable.relocations.push_back(relocation);
  } else {
    fail(line, "unknown initialiser '" + std::string(token.text) + "'");
  }
  if (bytes.size() + width > max_variable_bytes || width > 8)
    fail(line, "initialiser too large");
  bytes.resize(bytes.size() + width);
  std::memcpy(bytes.data() + bytes.size() - width, &value, width);
}

} // namespace

Variable variable(Cursor& at, bool external) {
  Variable made = declaration(at);
  made.external = external;
  if (at.accept("=")) {
    std::vector<std::byte> bytes;
    initializer(at, made, bytes);
    made.bytes = std::max(made.bytes, bytes.size());
    bytes.resize(made.bytes);
    made.initial = std::move(bytes);
  }
  at.expect(";");
  return made;
}

std::vector<Variable> parameterList(Cursor& at) {
  std::vector<Variable> list;
  if (!at.accept("("))
    return list;
  while (!at.accept(")")) {
    list.push_back(declaration(at));
    if (!at.is(")"))
      at.expect(",");
  }
  return list;
}

void registers(Cursor& at, Scope& scope) {
  Type type;
  const unsigned line = at.peek().line;
  if (!parseType(at.word(), type))
    fail(line, "unknown register type");
  do {
    const std::string name = at.word();
    if (at.accept("<")) {
      const std::int64_t count = at.integer();
      if (count < 0 || count > 1 << 20)
        fail(line, "too many registers");
      scope.register_ranges[name] = {type, static_cast<unsigned>(count)};
      at.expect(">");
    } else {
      scope.registers[name] = type;
    }
  } while (at.accept(","));
  at.expect(";");
}

} // namespace attune::emulator::ptx
