#include "autotune/cli/SelfContained.h"

#include "attune/compiler/Error.h"
#include "runtime/toolchain/Templates.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace attune::cli {

namespace {

/// Splits a text into headers, appended to `headers` unless they are in `seen`, and the rest.
class Inliner {
public:
  std::string rest(std::string_view text) {
    constexpr std::string_view include = "#include <attune/";
    std::string out;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end);
      if (line.starts_with(include))
        header(line.substr(10, line.find('>') - 10));
      else if (!line.starts_with("#pragma once"))
        out += line;
    }
    return out;
  }

  std::string headers;

private:
  void header(std::string_view name) {
    if (!seen_.insert(std::string(name)).second)
      return;
    const char* found = textOf(templates(), name);
    if (found == nullptr)
      throw InternalError(fmt::format("no template is called {}", name));
    const std::string text = rest(found); // what it includes comes first
    headers += fmt::format("// {}\n{}\n", name, text);
  }

  std::set<std::string> seen_;
};

} // namespace

std::string selfContained(const std::vector<CompiledKernel>& kernels) {
  Inliner inliner;
  std::string text;
  for (const CompiledKernel& kernel : kernels)
    text += kernels.size() == 1 ? inliner.rest(kernel.cuda)
                                : fmt::format("namespace {}_text {{\n\n{}\n}} // namespace {}_text\n\n", kernel.name,
                                              inliner.rest(kernel.cuda), kernel.name);
  return fmt::format("{}{}", inliner.headers, text);
}

} // namespace attune::cli
