#pragma once

#include "autotune/cli/TuneRun.h"

#include <filesystem>
#include <string>
#include <vector>

namespace attune::cli {

/// The page of --report. `total`: how many items were asked for. Throws UserError where it cannot be written.
void writeReport(const std::filesystem::path& path, const std::string& title, const std::vector<TuneOutcome>& outcomes,
                 std::size_t total, const std::string& not_measured);

} // namespace attune::cli
