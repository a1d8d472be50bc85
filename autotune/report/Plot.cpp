#include "autotune/report/Plot.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune::autotune {

namespace {

using nlohmann::json;

std::string number(double value) { return fmt::format("{:.1f}", value); }

/// Values of one axis to places on the page.
class Scale {
public:
  Scale(double least, double most, double begin, double end, bool linear = false)
      : linear_(linear), begin_(begin), end_(end) {
    if (linear) {
      high_ = most * 1.08;
      return;
    }
    const double middle = std::sqrt(least * most);
    const double factor = std::max(std::sqrt(most / least) * 1.08, 1.15); // some air around the points
    low_ = std::log(middle / factor), high_ = std::log(middle * factor);
  }

  double operator()(double value) const {
    return begin_ + (end_ - begin_) * ((linear_ ? value : std::log(value)) - low_) / (high_ - low_);
  }

  /// Round numbers that lie within: 1, 2, 5, 10, ..., or even steps where the values are close together.
  std::vector<double> ticks() const {
    std::vector<double> all;
    const double low = linear_ ? low_ : std::exp(low_), high = linear_ ? high_ : std::exp(high_);
    if (!linear_ && high / low > 8) {
      const int first = static_cast<int>(std::floor(std::log10(low))),
                last = static_cast<int>(std::floor(std::log10(high)));
      for (int exponent = first; exponent <= last; ++exponent)
        for (const double digit : {1, 2, 5})
          if (const double d = digit * std::pow(10, exponent); d >= low && d <= high)
            all.push_back(d);
      return all;
    }
    const double least = (high - low) / 5, power = std::pow(10, std::floor(std::log10(least)));
    const double step = power * (least <= 2 * power ? 2 : least <= 5 * power ? 5 : 10);
    const auto first = static_cast<int>(std::ceil(low / step)), last = static_cast<int>(std::floor(high / step));
    for (int n = first; n <= last; ++n)
      all.push_back(n * step);
    return all;
  }

private:
  bool linear_;
  double begin_, end_, low_ = 0, high_ = 0;
};

/// The x values themselves where they are few and apart; else round numbers.
std::vector<double> xTicks(const std::vector<Series>& series, const Scale& scale) {
  std::vector<double> values;
  for (const Series& s : series)
    for (const Point& p : s.points)
      values.push_back(p.x);
  std::ranges::sort(values);
  const auto same = std::ranges::unique(values);
  values.erase(same.begin(), same.end());
  constexpr double apart = 30; // units of the page, for a number of five digits
  for (std::size_t i = 1; i < values.size(); ++i)
    if (scale(values[i]) - scale(values[i - 1]) < apart)
      return scale.ticks();
  return values;
}

std::string tickText(double value) {
  return value >= 1e6 ? fmt::format("{:g}M", value / 1e6) : fmt::format("{:g}", value);
}

} // namespace

json plot(const std::vector<Series>& series, const Axes& axes) {
  constexpr double width = 560, height = 300, left = 56, right = 14, top = 22, bottom = 42;
  double x_least = 1e300, x_most = 0, y_least = 1e300, y_most = 0;
  for (const Series& s : series)
    for (const Point& p : s.points) {
      x_least = std::min(x_least, p.x), x_most = std::max(x_most, p.x);
      y_least = std::min(y_least, p.y), y_most = std::max(y_most, p.y);
    }
  if (axes.same_scale)
    x_least = y_least = std::min(x_least, y_least), x_most = y_most = std::max(x_most, y_most);
  const Scale x(x_least, x_most, left, width - right),
      y(y_least, std::max(y_most, axes.limit), height - bottom, top, axes.y_linear);

  json j = {{"width", width},
            {"height", height},
            {"left", left},
            {"right", width - right},
            {"top", top},
            {"bottom", height - bottom},
            {"x_label", axes.x},
            {"y_label", axes.y},
            {"x_middle", number((left + width - right) / 2)},
            {"y_middle", number((top + height - bottom) / 2)},
            {"x_label_at", height - 6},
            {"x_tick_at", height - bottom + 16},
            {"diagonal", axes.same_scale},
            {"limit", nullptr},
            {"x_ticks", json::array()},
            {"y_ticks", json::array()},
            {"series", json::array()}};
  if (axes.limit > 0)
    j["limit"] = {
        {"at", number(y(axes.limit))}, {"text_at", number(y(axes.limit) - 4)}, {"limit_text", axes.limit_text}};
  for (const double tick : xTicks(series, x))
    j["x_ticks"].push_back({{"at", number(x(tick))}, {"text", tickText(tick)}});
  for (const double tick : y.ticks())
    j["y_ticks"].push_back({{"at", number(y(tick))}, {"text_at", number(y(tick) + 4)}, {"text", tickText(tick)}});
  for (const Series& s : series) {
    if (s.points.empty())
      continue;
    json entry = {{"name", s.name}, {"css", s.css}, {"line", nullptr}, {"points", json::array()}};
    std::string line;
    for (const Point& p : s.points) {
      line += fmt::format("{:.1f},{:.1f} ", x(p.x), y(p.y));
      entry["points"].push_back({{"x", number(x(p.x))},
                                 {"y", number(y(p.y))},
                                 {"label_at", number(y(p.y) - 8)},
                                 {"title", p.title},
                                 {"label", p.label.empty() ? json() : json(p.label)},
                                 {"radius", p.stands_out ? 5.5 : 3}});
    }
    if (s.line)
      entry["line"] = {{"path", line}};
    j["series"].push_back(std::move(entry));
  }
  return j;
}

} // namespace attune::autotune
