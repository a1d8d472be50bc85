#pragma once

#include "attune/compiler/Schedule.h"
#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace attune::cli {

/// --schedule, with the fields that it takes.
void addScheduleOption(CLI::App& app, std::string& text);

/// What a schedule that somebody wrote gives away: the tensor cores' own instructions, where the default has them.
/// Empty if nothing. `arch`: a target.
std::string portableNote(const AttentionSpec& spec, const Schedule& schedule, std::string_view arch);

} // namespace attune::cli
