#pragma once

#include "attune/compiler/Spec.h"

#include <string>

namespace CLI {
class App;
}

namespace attune::cli {

/// Of JSON in a file, "-" for stdin, or inline. Throws UserError if it is invalid or can't be read.
AttentionSpec readSpec(const std::string& text);

/// "sm_80, sm_86, ...": what --arch takes.
std::string archNames();

/// The SPEC of most verbs: JSON in a file, "-" for stdin, or inline; or --preset NAME.
class SpecOptions {
public:
  explicit SpecOptions(CLI::App& app);

  /// Throws UserError if the spec is invalid or can't be read, UsageError if there is none or two.
  AttentionSpec resolve() const;
  bool given() const { return !spec_.empty() || !preset_.empty(); }
  /// The same without the file: what to call it in a report.
  std::string label() const { return preset_.empty() ? "spec" : preset_; }

private:
  std::string spec_, preset_;
};

} // namespace attune::cli
