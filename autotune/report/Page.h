#pragma once

#include "autotune/report/Survey.h"

#include <string>
#include <vector>

namespace attune::autotune {

struct ReportItem {
  std::string label;  ///< "qwen2.5-7b decode batch=1 q_len=1 kv_len=8192"
  std::string series; ///< equal for items that differ in their lengths only: "qwen2.5-7b decode, batch 1"
  Survey survey;
};

/// One HTML page that needs nothing else: no network, no script. `notes`: what the reader should know of the run.
std::string reportPage(const std::string& title, const std::vector<ReportItem>& items,
                       const std::vector<std::string>& notes);

} // namespace attune::autotune
