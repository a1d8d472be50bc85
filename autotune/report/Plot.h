#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace attune::autotune {

struct Point {
  double x = 0, y = 0; ///< above 0
  std::string title;   ///< shown when a pointer rests on it
  std::string label;   ///< beside it; usually none
  bool stands_out = false;
};

/// Points, and a line through them if `css` says so in page.html.
struct Series {
  std::string name;
  const char* css = ""; ///< class of its line and points
  bool line = true;
  std::vector<Point> points;
};

struct Axes {
  const char* x = "";
  const char* y = "";
  bool same_scale = false; ///< both axes show the same quantity: a square with its diagonal
};

/// Where everything lies on a page, for page/plot.svg. Both axes are logarithmic.
nlohmann::json plot(const std::vector<Series>& series, const Axes& axes);

} // namespace attune::autotune
