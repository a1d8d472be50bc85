#pragma once

#include "attune/attune.hpp"
#include "attune/compiler/Target.h"
#include "runtime/model/Chunks.h"
#include "runtime/model/Work.h"

#include <optional>
#include <string>
#include <vector>

namespace attune::schedules {

using namespace model; // schedules are chosen in the cost model's words: machines, candidates, costs, chunks

std::string toText(const Candidate& candidate); ///< toText(Schedule) + " splits=4"
/// Throws UserError, as scheduleFromText does.
Candidate candidateFromText(std::string_view text);

/// One field of a schedule, and the values that the tuner tries.
struct Axis {
  const char* name;
  std::vector<int> values;
  void (*set)(Schedule& schedule, int value);
  int (*get)(const Schedule& schedule);
};

/// What a rule looks at. The lengths decide which schedules are worth trying, spec and target which ones work.
struct Subject {
  const AttentionSpec& spec;
  const Target& target;
  const Problem& problem;
};

/// A schedule that breaks a rule is not compiled.
struct Rule {
  const char* name;   ///< "shared-memory"
  const char* reason; ///< why it is one, for people
  bool about_lengths; ///< the schedule works, but others are better at these lengths for sure
  /// The numbers that break it, or nothing.
  std::optional<std::string> (*broken)(const Subject& subject, const Schedule& schedule);
};

const std::vector<Axis>& axes();
const std::vector<Rule>& rules();

struct Rejection {
  Schedule schedule;
  const Rule* rule;
  std::string numbers;
};

/// The first rule that a schedule breaks; with `lengths_too` false, of those that say whether it works at all.
std::optional<Rejection> rejection(const Subject& subject, const Schedule& schedule, bool lengths_too = true);

/// All combinations of the axes, in their order, sorted into those that keep the rules and those that do not.
struct Space {
  std::vector<Schedule> feasible;
  std::vector<Rejection> rejected;
};
Space enumerate(const Subject& subject);

} // namespace attune::schedules
