#pragma once

#include "autotune/cli/CompileReport.h"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace attune::cli {

/// --dump and --out of compile and explain: what the compiler made, as files.
class DumpOptions {
public:
  /// `alone`: what --out writes without --dump; nullptr: the two go together.
  DumpOptions(CLI::App& app, const char* alone);

  /// Throws UsageError for what there is none of.
  void check() const;
  bool wanted() const { return !out_.empty(); }
  /// Throws UserError where a file cannot be written.
  void write(const CompileReport& report) const;

private:
  std::vector<std::string> kinds() const;

  const char* alone_;
  std::vector<std::string> dump_;
  std::string out_;
};

} // namespace attune::cli
