#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace attune::autotune {

/// One line of a table with a bar in it.
struct Bar {
  struct Part {
    double value = 0;
    const char* css = "part"; ///< class of page.css
  };
  std::string name, text;  ///< left of the bar
  std::vector<Part> parts; ///< of the bar, from its left end
  std::string note;        ///< right of it; usually none
  std::string title;       ///< shown when a pointer rests on it
  const char* css = "";    ///< of the whole line
};

/// For page/bars.html. `whole`: what a bar of the full width stands for; 0: the longest one.
nlohmann::json bars(const std::vector<Bar>& all, double whole = 0);

/// 3 significant digits, thousands apart: "0.0123", "1.23", "12,300".
std::string digits(double value);

} // namespace attune::autotune
