#pragma once

#include "autotune/report/Survey.h"

#include <vector>

#include <nlohmann/json_fwd.hpp>

// What a page shows of a survey, as data for the files of page/.

namespace attune::autotune {

/// Best times by tile sizes: of what was measured, or of all that is predicted. For heatmap.svg.
nlohmann::json heatMap(const Survey& survey, bool measured);

/// Times by chunk count; null if there is but one. For plot.svg.
nlohmann::json splitCurve(const Survey& survey);

/// Each measured candidate's time over its prediction; null if none was measured. For plot.svg.
nlohmann::json modelAgainstMeasurement(const Survey& survey);

/// Chosen and default times by kv_len, of surveys that differ in their lengths only. For plot.svg.
nlohmann::json lengthCurve(const std::vector<const Survey*>& surveys);

/// The terms of the model, longest first. For bars.html.
nlohmann::json terms(const Survey& survey);

/// The best candidates, chosen one included. For item.html.
nlohmann::json candidates(const Survey& survey);

/// Schedules by the rule that they break (for bars.html), and what compilers and devices said against others. For
/// item.html.
nlohmann::json rejections(const Survey& survey);

} // namespace attune::autotune
