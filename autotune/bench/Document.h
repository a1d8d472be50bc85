#pragma once

#include "autotune/bench/AttentionSuite.h"
#include "autotune/bench/Ceilings.h"

#include <string>
#include <vector>

namespace attune::bench {

/// One run of `attune bench`.
struct Document {
  nlohmann::json machine; ///< machineFacts
  std::string commit;     ///< of the build, if whoever ran it said so
  std::uint64_t seed = 1; ///< of the tensors of attention
  bool emulated = false;  ///< then no speed of a kernel is in it
  std::vector<std::string> suites;
  bool complete = true; ///< false: the time was over
  std::vector<Ceiling> ceilings;
  std::vector<CaseResult> cases;
  std::vector<Figure> figures;

  const Ceiling* ceiling(const std::string& name) const; ///< null unless measured
  bool failed() const;
  /// There are cases or ceilings, and none has a time.
  bool saysNothingOfSpeed() const { return emulated && !(cases.empty() && ceilings.empty()); }
};

/// What goes under every output of an emulated run.
const char* noSpeedMeasured();

nlohmann::json toJson(const Document& document);
nlohmann::json toJson(const Case& c);
/// One line per figure or case: suite, name, value, unit, spread, samples, ...
std::string toCsv(const Document& document);
/// A page of its own, with plots. Nothing is loaded from elsewhere.
std::string toHtml(const Document& document);

} // namespace attune::bench
