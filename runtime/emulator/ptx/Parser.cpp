#include "runtime/emulator/ptx/Ast.h"
#include "runtime/emulator/ptx/Lexer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <set>

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

class Parser {
public:
  explicit Parser(const std::string& text) : tokens_(tokenize(text)) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      module_.lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  Module run() {
    while (peek().kind != Token::Kind::End)
      topLevel();
    if (module_.functions.empty())
      fail(1, "no function in this text: is it PTX?");
    return std::move(module_);
  }

private:
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
  void skipLine() {
    for (const unsigned line = peek().line; peek().kind != Token::Kind::End && peek().line == line;)
      take();
  }

  void topLevel() {
    const Token directive = peek();
    if (accept(".target")) {
      const std::string name = word();
      if (!name.starts_with("sm_") ||
          std::from_chars(&name[3], name.data() + name.size(), module_.target).ec != std::errc())
        fail(directive.line, "unknown target '" + name + "'");
      skipLineOf(directive.line);
    } else if (is(".version") || is(".address_size") || is(".file") || is(".loc") || is(".pragma")) {
      skipLine();
    } else if (accept(".section")) {
      word();
      skipBraces();
    } else if (accept(".alias")) {
      fail(directive.line, ".alias is not supported");
    } else if (accept(";")) {
    } else {
      linked();
    }
  }

  void skipLineOf(unsigned line) {
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

  /// A function or variable with its linkage.
  void linked() {
    bool external = false;
    while (is(".visible") || is(".extern") || is(".weak") || is(".common"))
      external |= take().text == ".extern";
    if (is(".entry") || is(".func"))
      return function();
    variables(module_.variables, external);
  }

  static bool spaceOf(std::string_view word, Space& space) {
    static const std::map<std::string_view, Space> known = {{".global", Space::Global}, {".shared", Space::Shared},
                                                            {".local", Space::Local},   {".const", Space::Const},
                                                            {".param", Space::Param},   {".reg", Space::Register}};
    const auto found = known.find(word);
    if (found != known.end())
      space = found->second;
    return found != known.end();
  }

  /// `.shared .align 16 .b8 name[128]` without what follows it.
  Variable declaration() {
    Variable variable;
    const Token first = peek();
    if (!spaceOf(first.text, variable.space))
      fail(first.line, "expected a declaration, got '" + std::string(first.text) + "'");
    take();
    unsigned lanes = 1;
    bool typed = false;
    while (peek().kind == Token::Kind::Word && peek().text.starts_with('.')) {
      const std::string attribute = word();
      if (attribute == ".align")
        variable.alignment = static_cast<std::size_t>(integer());
      else if (attribute == ".v2" || attribute == ".v4")
        lanes = attribute == ".v2" ? 2 : 4;
      else if (attribute == ".ptr" || spaceOf(attribute, ignored_space_))
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
    variable.name = word();
    variable.bytes = std::size_t{variable.type.bytes()} * lanes;
    while (accept("[")) {
      const std::int64_t count = is("]") ? 0 : integer();
      if (count < 0 || static_cast<std::size_t>(count) > max_variable_bytes)
        fail(first.line, "array bound out of range");
      variable.bytes *= static_cast<std::size_t>(count);
      if (variable.bytes > max_variable_bytes)
        fail(first.line, "'" + variable.name + "' is too large");
      expect("]");
    }
    return variable;
  }

  void variables(std::vector<Variable>& into, bool external) {
    Variable variable = declaration();
    variable.external = external;
    if (accept("=")) {
      std::vector<std::byte> bytes;
      initializer(variable, bytes);
      variable.bytes = std::max(variable.bytes, bytes.size());
      bytes.resize(variable.bytes);
      variable.initial = std::move(bytes);
    }
    expect(";");
    into.push_back(std::move(variable));
  }

  void initializer(Variable& variable, std::vector<std::byte>& bytes) {
    const unsigned line = peek().line;
    if (accept("{")) {
      while (!accept("}")) {
        initializer(variable, bytes);
        if (!is("}"))
          expect(",");
      }
      return;
    }
    const unsigned width = variable.type.bytes();
    std::uint64_t value = 0;
    const bool minus = accept("-");
    const Token token = take();
    if (token.kind == Token::Kind::Integer) {
      value = static_cast<std::uint64_t>(minus ? -token.value : token.value);
    } else if (token.kind == Token::Kind::Float) {
      const double real = std::bit_cast<double>(token.value) * (minus ? -1 : 1);
      value = width == 4 ? std::bit_cast<std::uint32_t>(static_cast<float>(real)) : std::bit_cast<std::uint64_t>(real);
    } else if (token.kind == Token::Kind::Word) {
      Relocation relocation{bytes.size(), width, std::string(token.text), 0};
      if (token.text == "generic") {
        expect("(");
        relocation.symbol = word();
        expect(")");
      }
      if (accept("+"))
        relocation.addend = integer();
      variable.relocations.push_back(relocation);
    } else {
      fail(line, "unknown initialiser '" + std::string(token.text) + "'");
    }
    if (bytes.size() + width > max_variable_bytes || width > 8)
      fail(line, "initialiser too large");
    bytes.resize(bytes.size() + width);
    std::memcpy(bytes.data() + bytes.size() - width, &value, width);
  }

  std::vector<Variable> parameterList() {
    std::vector<Variable> list;
    if (!accept("("))
      return list;
    while (!accept(")")) {
      list.push_back(declaration());
      if (!is(")"))
        expect(",");
    }
    return list;
  }

  void function() {
    Function made;
    made.entry = take().text == ".entry";
    if (!made.entry)
      made.results = parameterList();
    made.name = word();
    made.parameters = parameterList();
    while (!is("{") && !is(";")) {
      const Token token = take(); // most directives are hints to a compiler
      if (token.text == ".maxntid" || token.text == ".reqntid") {
        made.max_threads = static_cast<unsigned>(integer());
        while (accept(","))
          made.max_threads *= static_cast<unsigned>(integer());
      } else if (token.text == ".reqnctapercluster") {
        made.cluster = {static_cast<unsigned>(integer()), 1, 1};
        for (unsigned axis = 1; axis < 3 && accept(","); ++axis)
          made.cluster[axis] = static_cast<unsigned>(integer());
      } else if (token.text == ".maxnreg") {
        made.max_registers = static_cast<unsigned>(integer());
      } else if (token.text == ".minnctapersm") {
        made.min_blocks = static_cast<unsigned>(integer());
      }
      if (token.kind == Token::Kind::End)
        fail(token.line, "function '" + made.name + "' has no body");
    }
    if (accept(";")) {
      module_.functions.try_emplace(made.name, std::move(made)); // a declaration: the body follows, or it is external
      return;
    }
    expect("{");
    made.scopes.push_back({});
    block(made, 0);
    module_.functions.insert_or_assign(made.name, std::move(made));
  }

  void block(Function& into, unsigned scope) {
    while (!accept("}")) {
      const Token token = peek();
      if (token.kind == Token::Kind::End)
        fail(token.line, "missing '}' at the end of '" + into.name + "'");
      if (accept("{")) {
        into.scopes.push_back({});
        into.scopes.back().parent = scope;
        if (into.scopes.size() > 65536 || ++depth_ > 64)
          fail(token.line, "braces are nested too deep");
        block(into, static_cast<unsigned>(into.scopes.size() - 1));
        --depth_;
      } else if (is(".loc") || is(".file") || is(".pragma")) {
        skipLine();
      } else if (accept(".reg")) {
        registers(into.scopes[scope]);
      } else if (token.text.starts_with('.') && token.kind == Token::Kind::Word) {
        variables(into.variables, false);
        into.scopes[scope].variables[into.variables.back().name] = into.variables.size() - 1;
      } else if (token.kind == Token::Kind::Word && peek(1).text == ":") {
        take(), take();
        const std::string label(token.text);
        if (accept(".branchtargets"))
          into.scopes[scope].branch_targets[label] = names();
        else if (is(".calltargets") || is(".callprototype"))
          fail(token.line, "indirect calls are not supported");
        else
          into.scopes[scope].labels[label] = into.body.size();
      } else if (!accept(";")) {
        into.body.push_back(statement(scope));
      }
    }
  }

  std::vector<std::string> names() {
    std::vector<std::string> list{word()};
    while (accept(","))
      list.push_back(word());
    expect(";");
    return list;
  }

  void registers(Scope& scope) {
    Type type;
    const unsigned line = peek().line;
    if (!parseType(word(), type))
      fail(line, "unknown register type");
    do {
      const std::string name = word();
      if (accept("<")) {
        const std::int64_t count = integer();
        if (count < 0 || count > 1 << 20)
          fail(line, "too many registers");
        scope.register_ranges[name] = {type, static_cast<unsigned>(count)};
        expect(">");
      } else {
        scope.registers[name] = type;
      }
    } while (accept(","));
    expect(";");
  }

  Statement statement(unsigned scope) {
    Statement made;
    made.scope = scope;
    made.line = peek().line;
    if (accept("@")) {
      made.guard_negated = accept("!");
      made.guard = word();
    }
    const std::string opcode = word();
    std::size_t begin = 0;
    for (std::size_t dot = 0; dot != std::string::npos; begin = dot + 1) {
      dot = opcode.find('.', begin);
      std::string part = opcode.substr(begin, dot == std::string::npos ? dot : dot - begin);
      if (begin == 0)
        made.opcode = std::move(part);
      else
        made.suffix.push_back(std::move(part));
    }
    while (!accept(";")) {
      made.operands.push_back(operand());
      if (!is(";"))
        expect(",");
    }
    return made;
  }

  Operand operand() {
    Operand made;
    const unsigned line = peek().line;
    if (is("{") || is("(")) {
      const std::string_view closing = take().text == "{" ? "}" : ")";
      made.kind = Operand::Kind::Vector;
      while (!accept(closing)) {
        made.elements.push_back(simple());
        if (!is(closing))
          expect(",");
        if (peek().kind == Token::Kind::End)
          fail(line, "missing '" + std::string(closing) + "'");
      }
    } else if (accept("[")) {
      made.kind = Operand::Kind::Address;
      made.elements.push_back(simple());
      std::swap(made.value, made.elements[0].value);
      if (made.elements[0].kind == Operand::Kind::Integer)
        std::swap(made.value, made.elements[0].value);
      if (accept(",")) { // [tensor map, {coordinates}]
        if (!is("{"))
          fail(line, "expected coordinates in braces");
        made.elements.push_back(operand());
      }
      expect("]");
    } else {
      made = simple();
      if (accept("|")) {
        Operand pair;
        pair.kind = Operand::Kind::Pair;
        pair.elements = {made, simple()};
        return pair;
      }
    }
    return made;
  }

  /// A literal, or a name with an offset.
  Operand simple() {
    Operand made;
    made.negated = accept("!");
    const bool minus = accept("-");
    const Token token = take();
    if (token.kind == Token::Kind::Integer) {
      made.value = static_cast<std::int64_t>(minus ? 0 - static_cast<std::uint64_t>(token.value) : token.value);
    } else if (token.kind == Token::Kind::Float) {
      made.kind = Operand::Kind::Float;
      made.single = token.text.size() > 1 && (token.text[1] == 'f' || token.text[1] == 'F');
      made.value = std::bit_cast<std::int64_t>(std::bit_cast<double>(token.value) * (minus ? -1.0 : 1.0));
    } else if (token.kind == Token::Kind::Word) {
      made.kind = Operand::Kind::Name;
      made.name = std::string(token.text);
      if (accept("+") || (is("-") && peek(1).kind == Token::Kind::Integer))
        made.value = integer();
    } else {
      fail(token.line, "expected an operand, got '" + std::string(token.text) + "'");
    }
    return made;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Space ignored_space_ = Space::Generic;
  Module module_;
};

} // namespace

Module parse(const std::string& text) { return Parser(text).run(); }

} // namespace attune::emulator::ptx
