#include "runtime/emulator/ptx/Declarations.h"
#include "runtime/emulator/ptx/Statements.h"

#include <algorithm>
#include <charconv>

namespace attune::emulator::ptx {

namespace {

class Parser {
public:
  explicit Parser(const std::string& text) : at_(tokenize(text)) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      module_.lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  Module run() {
    while (at_.peek().kind != Token::Kind::End)
      topLevel();
    if (module_.functions.empty())
      fail(1, "no function in this text: is it PTX?");
    return std::move(module_);
  }

private:
  void topLevel() {
    const Token directive = at_.peek();
    if (at_.accept(".target")) {
      const std::string name = at_.word();
      if (!name.starts_with("sm_") ||
          std::from_chars(&name[3], name.data() + name.size(), module_.target).ec != std::errc())
        fail(directive.line, "unknown target '" + name + "'");
      at_.skipLine(directive.line);
    } else if (at_.is(".version") || at_.is(".address_size") || at_.is(".file") || at_.is(".loc") ||
               at_.is(".pragma")) {
      at_.skipLine(at_.peek().line);
    } else if (at_.accept(".section")) {
      at_.word();
      at_.skipBraces();
    } else if (at_.accept(".alias")) {
      fail(directive.line, ".alias is not supported");
    } else if (at_.accept(";")) {
    } else {
      linked();
    }
  }

  /// A function or variable with its linkage.
  void linked() {
    bool external = false;
    while (at_.is(".visible") || at_.is(".extern") || at_.is(".weak") || at_.is(".common"))
      external |= at_.take().text == ".extern";
    if (at_.is(".entry") || at_.is(".func"))
      return function();
    module_.variables.push_back(variable(at_, external));
  }

  void function() {
    Function made;
    made.entry = at_.take().text == ".entry";
    if (!made.entry)
      made.results = parameterList(at_);
    made.name = at_.word();
    made.parameters = parameterList(at_);
    while (!at_.is("{") && !at_.is(";")) {
      const Token token = at_.take(); // most directives are hints to a compiler
      if (token.text == ".maxntid" || token.text == ".reqntid") {
        made.max_threads = static_cast<unsigned>(at_.integer());
        while (at_.accept(","))
          made.max_threads *= static_cast<unsigned>(at_.integer());
      } else if (token.text == ".reqnctapercluster") {
        made.cluster = {static_cast<unsigned>(at_.integer()), 1, 1};
        for (unsigned axis = 1; axis < 3 && at_.accept(","); ++axis)
          made.cluster[axis] = static_cast<unsigned>(at_.integer());
      } else if (token.text == ".maxnreg") {
        made.max_registers = static_cast<unsigned>(at_.integer());
      } else if (token.text == ".minnctapersm") {
        made.min_blocks = static_cast<unsigned>(at_.integer());
      }
      if (token.kind == Token::Kind::End)
        fail(token.line, "function '" + made.name + "' has no body");
    }
    if (at_.accept(";")) {
      module_.functions.try_emplace(made.name, std::move(made)); // a declaration: the body follows, or it is external
      return;
    }
    at_.expect("{");
    made.scopes.push_back({});
    block(made, 0);
    module_.functions.insert_or_assign(made.name, std::move(made));
  }

  void block(Function& into, unsigned scope) {
    while (!at_.accept("}")) {
      const Token token = at_.peek();
      if (token.kind == Token::Kind::End)
        fail(token.line, "missing '}' at the end of '" + into.name + "'");
      if (at_.accept("{")) {
        into.scopes.push_back({});
        into.scopes.back().parent = scope;
        if (into.scopes.size() > 65536 || ++depth_ > 64)
          fail(token.line, "braces are nested too deep");
        block(into, static_cast<unsigned>(into.scopes.size() - 1));
        --depth_;
      } else if (at_.is(".loc") || at_.is(".file") || at_.is(".pragma")) {
        at_.skipLine(at_.peek().line);
      } else if (at_.accept(".reg")) {
        registers(at_, into.scopes[scope]);
      } else if (token.text.starts_with('.') && token.kind == Token::Kind::Word) {
        into.variables.push_back(variable(at_, false));
        into.scopes[scope].variables[into.variables.back().name] = into.variables.size() - 1;
      } else if (token.kind == Token::Kind::Word && at_.peek(1).text == ":") {
        at_.take(), at_.take();
        const std::string label(token.text);
        if (at_.accept(".branchtargets"))
          into.scopes[scope].branch_targets[label] = names();
        else if (at_.is(".calltargets") || at_.is(".callprototype"))
          fail(token.line, "indirect calls are not supported");
        else
          into.scopes[scope].labels[label] = into.body.size();
      } else if (!at_.accept(";")) {
        into.body.push_back(statement(at_, scope));
      }
    }
  }

  std::vector<std::string> names() {
    std::vector<std::string> list{at_.word()};
    while (at_.accept(","))
      list.push_back(at_.word());
    at_.expect(";");
    return list;
  }

  Cursor at_;
  int depth_ = 0;
  Module module_;
};

} // namespace

Module parse(const std::string& text) { return Parser(text).run(); }

} // namespace attune::emulator::ptx
