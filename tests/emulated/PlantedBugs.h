// Bugs planted into a kernel's text, which the emulated device has to find.
#pragma once

#include "runtime/toolchain/Templates.h"
#include "tests/support/Harness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <sstream>
#include <string>

namespace attune::test {

struct Bug {
  const char* name;
  const char* text; ///< what a right kernel says
  int nth;          ///< which of them, from 0
  const char* wrong;
  const char* says = "";     ///< a piece of the error, where a wrong result is not enough
  bool in_templates = false; ///< not in the text that the compiler writes
};

inline void PrintTo(const Bug& bug, std::ostream* out) { *out << bug.text << " -> " << bug.wrong; }

/// The templates that a kernel includes, written out where they are first included: bugs can be planted in them, too.
inline std::string withTemplates(const std::string& cuda, std::set<std::string>& seen) {
  static constexpr std::string_view include = "#include <";
  std::istringstream lines(cuda);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::string name =
        line.starts_with(include) ? line.substr(include.size(), line.find('>') - include.size()) : "";
    if (const char* header = textOf(templates(), name))
      text += seen.insert(name).second ? withTemplates(header, seen) : "";
    else if (line != "#pragma once")
      text += line + '\n';
  }
  return text;
}
inline std::string withTemplates(const std::string& cuda) {
  std::set<std::string> seen;
  return withTemplates(cuda, seen);
}

/// Empty if the text is not there so often: then the kernel has changed and the test must.
inline std::string planted(const std::string& cuda, const Bug& bug) {
  std::size_t at = cuda.find(bug.text);
  for (int i = 0; i < bug.nth && at != std::string::npos; ++i)
    at = cuda.find(bug.text, at + 1);
  return at == std::string::npos ? "" : std::string(cuda).replace(at, std::string(bug.text).size(), bug.wrong);
}

/// What gave the bug away under a few seeds, an error or a wrong result, or empty.
inline std::string found(Case c, const Mutation& mutation) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    c.seed = seed;
    c.random_landing = seed % 2 == 0;
    const reference::Tensors tensors = tensorsOf(c);
    try {
      const Result result = run(c, tensors, mutation);
      const auto comparison = reference::compare(c.spec, c.lengths, tensors, result.o, result.lse);
      if (!comparison.ok || !result.gaps_untouched)
        return "wrong result: " + comparison.message;
    } catch (const DeviceError& e) {
      return e.what();
    }
  }
  return "";
}

/// `c` is right as it is, also where the text is compiled again.
inline void expectNothingFound(const Case& c) {
  EXPECT_EQ(found(c, [](const std::string&, const std::string& cuda) { return cuda + "\n// recompiled\n"; }), "");
}

/// With the bug in it, it is not, and somebody notices.
inline void expectFound(const Case& c, const Bug& bug) {
  if (onGpu())
    GTEST_SKIP() << "on a GPU a kernel with a bug may never end";
  bool applied = false;
  const std::string what = found(c, [&](const std::string&, const std::string& cuda) {
    const std::string wrong = planted(bug.in_templates ? withTemplates(cuda) : cuda, bug);
    applied |= !wrong.empty(); // in one of its kernels
    return wrong.empty() ? cuda : wrong;
  });
  ASSERT_TRUE(applied) << "the kernel does not say '" << bug.text << "' " << bug.nth + 1 << " times";
  EXPECT_NE(what, "");
  EXPECT_THAT(what, testing::HasSubstr(bug.says));
  testing::Test::RecordProperty("found", what);
}

} // namespace attune::test
