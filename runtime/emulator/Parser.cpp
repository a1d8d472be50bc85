#include "runtime/emulator/Lexer.h"
#include "runtime/emulator/Ptx.h"

#include "attune/compiler/Error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace attune::emulator {

namespace {

constexpr std::array<std::pair<std::string_view, Type>, 19> type_names{{
    {"u8", Type::U8},     {"u16", Type::U16},     {"u32", Type::U32},   {"u64", Type::U64},       {"s8", Type::S8},
    {"s16", Type::S16},   {"s32", Type::S32},     {"s64", Type::S64},   {"b8", Type::B8},         {"b16", Type::B16},
    {"b32", Type::B32},   {"b64", Type::B64},     {"f16", Type::F16},   {"f16x2", Type::F16x2},   {"bf16", Type::BF16},
    {"bf16x2", Type::BF16x2}, {"f32", Type::F32}, {"f64", Type::F64},   {"pred", Type::Pred},
}};

class Parser {
public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Module parse() {
    while (!lexer_.done())
      directive();
    return std::move(module_);
  }

private:
  void directive() {
    if (lexer_.at(".version") || lexer_.at(".target") || lexer_.at(".address_size") || lexer_.at(".file") || lexer_.at(".loc"))
      return lexer_.skipLine();
    while (lexer_.accept(".visible") || lexer_.accept(".extern") || lexer_.accept(".weak") || lexer_.accept(".common")) {
    }
    if (lexer_.accept(".entry"))
      return entry();
    if (lexer_.accept(".shared"))
      return place(module_.shared, variable());
    if (lexer_.accept(".global") || lexer_.accept(".const"))
      return place(module_.global, variable());
    if (lexer_.accept(".section"))
      return skipBlock();
    lexer_.fail(lexer_.at(".func") ? "device functions are not supported: inline them" : "expected a directive");
  }

  void skipBlock() {
    while (!lexer_.accept("}"))
      lexer_.take();
  }

  static void place(std::vector<Variable>& space, Variable added) {
    std::size_t end = 0;
    for (const Variable& v : space)
      end = std::max(end, v.offset + v.bytes);
    added.offset = (end + added.alignment - 1) / added.alignment * added.alignment;
    space.push_back(std::move(added));
  }

  Type type() {
    const std::string_view name = lexer_.peek();
    const Type found = name.starts_with('.') ? typeNamed(name.substr(1)) : Type::None;
    if (found == Type::None)
      lexer_.fail("expected a type");
    lexer_.take();
    return found;
  }

  /// `.align 8 .b8 name[32] = {..}`, after the space.
  Variable variable() {
    Variable v;
    std::size_t count = 1;
    std::size_t vector = 1;
    for (;;) {
      if (lexer_.accept(".align"))
        v.alignment = std::max<std::size_t>(1, lexer_.integer());
      else if (lexer_.accept(".attribute"))
        while (!lexer_.accept(")"))
          lexer_.take();
      else if (lexer_.accept(".v2"))
        vector = 2;
      else if (lexer_.accept(".v4"))
        vector = 4;
      else if (lexer_.accept(".ptr"))
        while (lexer_.accept(".global") || lexer_.accept(".shared"))
          ;
      else
        break;
    }
    const std::size_t element = static_cast<std::size_t>(bytesOf(type())) * vector;
    v.alignment = std::max(v.alignment, element);
    while (lexer_.accept(".ptr") || lexer_.accept(".global") || lexer_.accept(".shared") || lexer_.at(".align"))
      if (lexer_.accept(".align"))
        lexer_.integer();
    v.name = lexer_.take();
    while (lexer_.accept("[")) {
      const std::size_t extent = lexer_.at("]") ? 0 : lexer_.integer();
      if (extent > (std::size_t{1} << 32) / std::max<std::size_t>(1, count))
        lexer_.fail("expected an array below 4 GiB");
      count *= extent;
      lexer_.expect("]");
    }
    v.bytes = element * count;
    if (lexer_.accept("="))
      initialiser(v, element);
    lexer_.accept(";");
    return v;
  }

  void initialiser(Variable& v, std::size_t element) {
    const bool list = lexer_.accept("{");
    do {
      if (list && lexer_.at("}"))
        break;
      const Operand value = operand();
      std::uint64_t bits = value.bits;
      if (value.kind == Operand::Kind::Float && element == 4)
        bits = std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
      else if (value.kind != Operand::Kind::Integer && value.kind != Operand::Kind::Float)
        lexer_.fail("expected a number in an initialiser");
      for (std::size_t i = 0; i < element; ++i)
        v.initial.push_back(static_cast<std::byte>(bits >> (8 * i)));
    } while (lexer_.accept(","));
    if (list)
      lexer_.expect("}");
    if (v.initial.size() > v.bytes)
      lexer_.fail("expected at most as many values as elements");
    v.initial.resize(v.bytes);
  }

  void entry() {
    Entry e;
    e.name = lexer_.take();
    if (lexer_.accept("("))
      while (!lexer_.accept(")")) {
        lexer_.expect(".param");
        place(e.parameters, variable());
        lexer_.accept(",");
      }
    while (!lexer_.at("{")) {
      if (lexer_.accept(".maxntid")) {
        e.max_threads = static_cast<int>(lexer_.integer());
        while (lexer_.accept(","))
          e.max_threads *= static_cast<int>(lexer_.integer());
      } else {
        lexer_.take(); // .minnctapersm and other hints, with their numbers
      }
    }
    lexer_.expect("{");
    int depth = 1;
    while (depth > 0) {
      if (lexer_.done())
        lexer_.fail("expected '}'");
      if (lexer_.accept("{"))
        ++depth;
      else if (lexer_.accept("}"))
        --depth;
      else
        statement(e);
    }
    module_.entries.push_back(std::move(e));
  }

  void statement(Entry& e) {
    if (lexer_.accept(".reg"))
      return registers(e);
    if (lexer_.accept(".local"))
      return place(e.local, variable());
    if (lexer_.accept(".shared"))
      return place(e.shared, variable());
    if (lexer_.at(".loc") || lexer_.at(".pragma") || lexer_.at(".file"))
      return lexer_.skipLine();
    Instruction i;
    i.line = lexer_.line();
    if (lexer_.accept("@")) {
      i.guard_negated = lexer_.accept("!");
      i.guard = lexer_.take();
    }
    const std::string word(lexer_.take());
    if (i.guard.empty() && lexer_.accept(":")) {
      e.labels[word] = static_cast<int>(e.body.size());
      return;
    }
    split(word, i);
    while (!lexer_.accept(";")) {
      i.operands.push_back(operand());
      if (lexer_.accept("|"))
        i.operands.push_back(operand());
      if (!lexer_.at(";"))
        lexer_.expect(",");
    }
    e.body.push_back(std::move(i));
  }

  static void split(std::string_view word, Instruction& i) {
    std::size_t dot = word.find('.');
    i.opcode = word.substr(0, dot);
    while (dot != std::string_view::npos) {
      const std::size_t next = word.find('.', dot + 1);
      i.modifiers.emplace_back(word.substr(dot + 1, next == std::string_view::npos ? next : next - dot - 1));
      dot = next;
    }
  }

  void registers(Entry& e) {
    const Type t = type();
    do {
      const std::string name(lexer_.take());
      if (lexer_.accept("<")) {
        const std::uint64_t count = lexer_.integer();
        if (count > 1000000)
          lexer_.fail("expected fewer than a million registers");
        for (std::uint64_t n = 0; n < count; ++n)
          e.registers[name + std::to_string(n)] = t;
        lexer_.expect(">");
      } else {
        e.registers[name] = t;
      }
    } while (lexer_.accept(","));
    lexer_.expect(";");
  }

  Operand operand() {
    Operand o;
    if (lexer_.accept("{")) {
      o.kind = Operand::Kind::Vector;
      do
        o.parts.push_back(operand());
      while (lexer_.accept(","));
      lexer_.expect("}");
      return o;
    }
    if (lexer_.accept("[")) {
      o.kind = Operand::Kind::Address;
      if (isName(lexer_.peek()))
        o.name = lexer_.take();
      if (o.name.empty())
        o.bits = lexer_.integer();
      else if (lexer_.accept("+"))
        o.bits = lexer_.integer();
      else if (lexer_.at("-"))
        o.bits = lexer_.integer();
      lexer_.expect("]");
      return o;
    }
    const std::string_view word = lexer_.peek();
    if (word.size() == 10 && (word.starts_with("0f") || word.starts_with("0F"))) {
      o.kind = Operand::Kind::Float;
      const auto bits = static_cast<std::uint32_t>(std::stoul(std::string(word.substr(2)), nullptr, 16));
      o.bits = std::bit_cast<std::uint64_t>(static_cast<double>(std::bit_cast<float>(bits)));
      lexer_.take();
    } else if (word.size() == 18 && (word.starts_with("0d") || word.starts_with("0D"))) {
      o.kind = Operand::Kind::Float;
      o.bits = std::stoull(std::string(word.substr(2)), nullptr, 16);
      lexer_.take();
    } else if (isName(word)) {
      o.kind = word.front() == '%' ? Operand::Kind::Register : Operand::Kind::Symbol;
      o.name = lexer_.take();
    } else {
      o.bits = lexer_.integer();
    }
    return o;
  }

  static bool isName(std::string_view word) {
    return !word.empty() && (std::isalpha(static_cast<unsigned char>(word.front())) || word.front() == '_' || word.front() == '%' || word.front() == '$');
  }

  Lexer lexer_;
  Module module_;
};

} // namespace

Type typeNamed(std::string_view name) {
  const auto* found = std::ranges::find(type_names, name, &std::pair<std::string_view, Type>::first);
  return found == type_names.end() ? Type::None : found->second;
}

int bytesOf(Type type) {
  switch (type) {
  case Type::U8: case Type::S8: case Type::B8: return 1;
  case Type::U16: case Type::S16: case Type::B16: case Type::F16: case Type::BF16: return 2;
  case Type::U64: case Type::S64: case Type::B64: case Type::F64: return 8;
  case Type::None: case Type::Pred: return 0;
  default: return 4;
  }
}

bool Instruction::has(std::string_view modifier) const { return std::ranges::find(modifiers, modifier) != modifiers.end(); }

Type Instruction::type(int which) const {
  Type last = Type::None;
  for (const std::string& m : modifiers)
    if (const Type t = typeNamed(m); t != Type::None) {
      last = t;
      if (which-- == 0)
        return t;
    }
  return which < 0 ? last : Type::None;
}

Module parsePtx(std::string_view text) {
  try {
    return Parser(text).parse();
  } catch (const std::logic_error&) { // std::stoul on a malformed literal
    throw DeviceError("PTX: malformed floating-point literal");
  }
}

} // namespace attune::emulator
