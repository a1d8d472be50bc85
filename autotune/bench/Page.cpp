#include "autotune/bench/Document.h"
#include "autotune/report/Bars.h"
#include "autotune/report/Plot.h"
#include "autotune/report/Template.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

// What a document looks like on a page: data for the files of report/page/.

namespace attune::bench {

namespace {

using autotune::Bar;
using autotune::digits;
using nlohmann::json;

std::string percent(double share) { return fmt::format("{:.{}f} %", 100 * share, share < 0.01 ? 1 : 0); }

/// What is said of a case: bytes if it is decode, else FLOPs.
struct Measure {
  std::string unit, ceiling_words;
  const Ceiling* ceiling;
  double (*of)(const CaseResult&);
};
Measure measureOf(const Document& document, const Case& c) {
  if (c.problem().q_len == 1)
    return {"GB/s", "copy", document.ceiling("copy"), [](const CaseResult& r) { return gbytesPerSecond(r); }};
  const char* matmul = matmulOf(c.spec.dtype);
  return {"TFLOPS", fmt::format("{} matrix product", matmul == std::string_view("fp8_matmul") ? "fp8" : "bf16"),
          document.ceiling(matmul), [](const CaseResult& r) { return tflops(r); }};
}

/// "qwen2.5-7b 4x8192" is on a plot of "qwen2.5-7b", on the line "batch 4", at 8192; "d128 causal 8x2048" on one of
/// "d128", on the line "causal".
struct Place {
  std::string plot, line;
  double length = 0; ///< 0: it has no place
};
Place placeOf(const std::string& name) {
  const std::size_t last = name.rfind(' '), by = name.find('x', last == std::string::npos ? 0 : last);
  if (last == std::string::npos || by == std::string::npos)
    return {};
  int length = 0;
  if (std::from_chars(name.data() + by + 1, name.data() + name.size(), length).ptr != name.data() + name.size())
    return {};
  const std::string what = name.substr(0, last);
  if (const std::size_t space = what.find(' '); space != std::string::npos)
    return {what.substr(0, space), what.substr(space + 1), static_cast<double>(length)};
  return {what, "batch " + name.substr(last + 1, by - last - 1), static_cast<double>(length)};
}

struct Chart {
  std::string title;
  Measure measure;
  std::vector<autotune::Series> lines;
};

constexpr const char* line_css[] = {"line0", "line1", "line2", "line3", "line4", "line5", "line6", "line7"};

void addTo(Chart& chart, const std::string& line, const autotune::Point& point) {
  auto found = std::ranges::find(chart.lines, line, &autotune::Series::name);
  if (found == chart.lines.end()) {
    const char* css = line_css[chart.lines.size() % std::size(line_css)];
    found = chart.lines.insert(found, {.name = line, .css = css});
  }
  found->points.push_back(point);
}

/// Charts with but one line share one.
std::vector<Chart> together(std::vector<Chart> charts) {
  std::vector<Chart> result;
  Chart shared{"models, batch 1", {}, {}};
  for (Chart& chart : charts)
    if (chart.lines.size() > 1) {
      result.push_back(std::move(chart));
    } else {
      shared.measure = chart.measure;
      for (const autotune::Point& point : chart.lines[0].points)
        addTo(shared, chart.title, point);
    }
  if (!shared.lines.empty())
    result.push_back(std::move(shared));
  return result;
}

json charts(const Document& document, const std::vector<const CaseResult*>& timed) {
  std::vector<Chart> all;
  for (const CaseResult* c : timed) {
    const Place place = placeOf(c->measured.name);
    if (place.length == 0)
      continue;
    auto found = std::ranges::find(all, place.plot, &Chart::title);
    if (found == all.end())
      found = all.insert(found, {place.plot, measureOf(document, c->measured), {}});
    const double value = found->measure.of(*c);
    addTo(*found, place.line,
          {.x = place.length,
           .y = value,
           .title = fmt::format("{}: {} {}, {} us", c->measured.name, digits(value), found->measure.unit,
                                digits(c->us->value))});
  }
  json plots = json::array();
  for (const Chart& chart : together(std::move(all))) {
    autotune::Axes axes{.x = "keys per sequence", .y = chart.measure.unit, .y_linear = true};
    if (chart.measure.ceiling != nullptr)
      axes.limit = chart.measure.ceiling->measured->value, axes.limit_text = chart.measure.ceiling_words;
    plots.push_back({{"title", chart.title}, {"plot", plot(chart.lines, axes)}});
  }
  return plots;
}

/// Cases that have no place on a plot: a bar each, of the full width if it reaches the ceiling.
json caseBars(const Document& document, const std::vector<const CaseResult*>& timed) {
  std::vector<Bar> all;
  for (const CaseResult* c : timed) {
    const Measure measure = measureOf(document, c->measured);
    if (placeOf(c->measured.name).length > 0 || measure.ceiling == nullptr)
      continue;
    const double value = measure.of(*c), share = value / measure.ceiling->measured->value;
    all.push_back({.name = c->measured.name,
                   .text = fmt::format("{} {}", digits(value), measure.unit),
                   .parts = {{std::min(share, 1.0), "accent"}},
                   .note = fmt::format("{} of {}", percent(share), measure.ceiling_words)});
  }
  return all.empty() ? json() : json{{"bars", bars(all, 1)}};
}

json row(const CaseResult& c, const Document& document) {
  json cells = {{"name", c.measured.name}, {"result", resultOf(c)}, {"css", c.failure.empty() ? "" : "bad"},
                {"schedule", c.schedule},  {"splits", c.splits},    {"times", nullptr}};
  if (!c.us)
    return cells;
  const auto share = [](const Ceiling* top, double value) { return top ? percent(value / top->measured->value) : "-"; };
  const json mhz = c.clocks.value("sm_mhz", json());
  cells["times"] = {{"us", digits(c.us->value)},
                    {"spread", percent(c.us->spread)},
                    {"tflops", digits(tflops(c))},
                    {"of_matmul", share(document.ceiling(matmulOf(c.measured.spec.dtype)), tflops(c))},
                    {"gbytes", digits(gbytesPerSecond(c))},
                    {"of_copy", share(document.ceiling("copy"), gbytesPerSecond(c))},
                    {"mhz", mhz.is_null() ? "-" : mhz.dump()}};
  return cells;
}

json suiteOfAttention(const Document& document, const std::string& name) {
  std::vector<const CaseResult*> timed;
  json rows = json::array();
  std::size_t right = 0;
  for (const CaseResult& c : document.cases)
    if (c.measured.suite == name) {
      rows.push_back(row(c, document));
      right += c.failure.empty() && c.skipped.empty();
      if (c.us)
        timed.push_back(&c);
    }
  return {{"title", name},
          {"plots", charts(document, timed)},
          {"case_bars", caseBars(document, timed)},
          {"right", right},
          {"count", rows.size()},
          {"open", timed.empty()},
          {"timed", !timed.empty()},
          {"rows", std::move(rows)}};
}

/// Of a suite of the host. Times to a first kernel are one bar each, with their stages in it.
json suiteOfTheHost(const Document& document, const std::string& name) {
  std::vector<const Figure*> figures;
  for (const Figure& f : document.figures)
    if (f.suite == name)
      figures.push_back(&f);
  const auto value = [&](const std::string& figure) {
    const auto found = std::ranges::find(figures, figure, &Figure::name);
    return found == figures.end() ? 0.0 : (*found)->measured.value;
  };
  std::vector<Bar> from_nothing;
  std::vector<std::pair<std::string, std::vector<Bar>>> by_unit;
  json rows = json::array();
  const std::string whole = ", nothing cached";
  for (const Figure* f : figures) {
    rows.push_back({{"name", f->name},
                    {"value", digits(f->measured.value)},
                    {"unit", f->unit},
                    {"spread", percent(f->measured.spread)},
                    {"samples", f->measured.samples}});
    if (f->name.ends_with(whole)) {
      const std::string kernel = f->name.substr(0, f->name.size() - whole.size());
      const double text = value(kernel + ", of it spec to CUDA"), nvrtc = value(kernel + ", of it NVRTC");
      from_nothing.push_back(
          {.name = kernel,
           .text = digits(f->measured.value) + " ms",
           .parts = {{text, "line1"}, {nvrtc, "line0"}, {std::max(f->measured.value - text - nvrtc, 0.0), "part"}},
           .note = digits(value(kernel + ", from disk")) + " ms from disk"});
    } else if (f->name.find(", of it ") == std::string::npos && !f->name.ends_with(", from disk")) {
      auto found = std::ranges::find(by_unit, f->unit, &std::pair<std::string, std::vector<Bar>>::first);
      if (found == by_unit.end())
        found = by_unit.insert(found, {f->unit, {}});
      found->second.push_back({.name = f->name,
                               .text = fmt::format("{} {}", digits(f->measured.value), f->unit),
                               .parts = {{f->measured.value, "accent"}}});
    }
  }
  json units = json::array();
  for (const auto& [unit, all] : by_unit)
    units.push_back({{"unit", unit}, {"bars", bars(all)}});
  return {{"title", name},
          {"from_nothing", from_nothing.empty() ? json() : json{{"bars", bars(from_nothing)}}},
          {"units", std::move(units)},
          {"rows", std::move(rows)}};
}

json ceilingRow(const Ceiling& c) {
  const std::string how = !c.failure.empty() ? c.failure
                          : c.measured
                              ? fmt::format("± {}, {} samples", percent(c.measured->spread), c.measured->samples)
                              : "right at a small size, not timed";
  return {{"name", c.name},
          {"value", c.measured ? fmt::format("{} {}", digits(c.measured->value), c.unit) : std::string("-")},
          {"how", how},
          {"css", c.failure.empty() ? "" : "bad"}};
}

std::vector<std::string> factsOf(const Document& document) {
  const json& machine = document.machine;
  const auto text = [](const json& from, const char* key) {
    const json value = from.is_object() ? from.value(key, json()) : json();
    return value.is_null() ? std::string() : value.is_string() ? value.get<std::string>() : value.dump();
  };
  const auto said = [](const std::string& fact, const std::string& before, const std::string& after = "") {
    return fact.empty() ? fact : before + fact + after;
  };
  std::vector<std::string> facts;
  const json device = machine.value("device", json::object());
  for (std::string fact :
       {document.emulated ? std::string() : text(device, "name"), text(machine, "cpu"),
        said(text(machine, "cores"), "", " cores"), said(text(machine, "memory_gib"), "", " GiB"), text(machine, "os"),
        text(machine, "nvrtc"), said(text(machine, "driver"), "driver "), said(text(machine, "load"), "load "),
        said(document.commit, "commit "), text(machine, "date")})
    if (!fact.empty())
      facts.push_back(std::move(fact));
  return facts;
}

} // namespace

std::string toHtml(const Document& document) {
  json page = {{"title", fmt::format("{}", fmt::join(document.suites, ", "))},
               {"facts", factsOf(document)},
               {"note", document.saysNothingOfSpeed() ? json(noSpeedMeasured()) : json()},
               {"incomplete", !document.complete},
               {"ceilings", nullptr},
               {"attention", json::array()},
               {"host", json::array()},
               {"policy", document.emulated || document.cases.empty() ? json() : json(AttentionSuite::policy())}};
  if (!document.ceilings.empty()) {
    page["ceilings"] = {{"each", json::array()}};
    for (const Ceiling& c : document.ceilings)
      page["ceilings"]["each"].push_back(ceilingRow(c));
  }
  for (const std::string& suite : document.suites) {
    if (std::ranges::any_of(document.cases, [&](const CaseResult& c) { return c.measured.suite == suite; }))
      page["attention"].push_back(suiteOfAttention(document, suite));
    if (std::ranges::any_of(document.figures, [&](const Figure& f) { return f.suite == suite; }))
      page["host"].push_back(suiteOfTheHost(document, suite));
  }
  return autotune::render("bench.html", page);
}

} // namespace attune::bench
