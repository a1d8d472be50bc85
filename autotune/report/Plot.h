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
  std::string x, y;
  bool same_scale = false; ///< both axes show the same quantity: a square with its diagonal
  bool y_linear = false;   ///< from 0
  double limit = 0;        ///< a line across, at this y; 0: none
  std::string limit_text;
};

/// Where everything lies on a page, for page/plot.svg. The x axis is logarithmic, and the y axis unless it is linear.
nlohmann::json plot(const std::vector<Series>& series, const Axes& axes);

} // namespace attune::autotune
