#include "autotune/bench/Document.h"
#include "autotune/cli/Cli.h"
#include "autotune/cli/Output.h"
#include "autotune/cli/Stores.h"
#include "autotune/cli/TuneRun.h"

#include "compiler/spec/Nearest.h"
#include "runtime/io/WholeFile.h"

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace attune::cli {

namespace {

using namespace bench;

const std::vector<std::string> of_attention = {"prefill", "decode", "varlen"};
const std::vector<std::string> others = {"ceilings", "jit", "host", "emulator"};

bool isOfAttention(const std::string& suite) { return std::ranges::find(of_attention, suite) != of_attention.end(); }

struct Options {
  explicit Options(CLI::App& app) {
    app.add_option(
           "--suite", suites,
           "prefill, decode, varlen: attention; ceilings: what they are shares of; jit, host, emulator: the host")
        ->delimiter(',')
        ->required();
    app.add_option("--device", device, "emulated, emulated:sm_90a, cuda:0; auto: a GPU if there is one")
        ->capture_default_str();
    app.add_option("--only", settings.only, "only what has this in its name: \"qwen2.5-7b\", \"d128 causal\"");
    app.add_option("--samples", settings.samples, "of each figure; the median is reported")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--seed", seed,
                   "of the tensors that attention is timed on: as of attune run, and of tests/gpu/peers.py")
        ->capture_default_str();
    app.add_option("--time-limit", time_limit, "seconds; what is measured by then is reported, exit code 8; 0: none")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--commit", commit, "of this build, for the record");
    app.add_option("--output", output, "file for the JSON document, beside the table");
    app.add_option("--csv", csv, "file for the figures, one a line");
    app.add_option("--html", html, "file for a page with plots");
    app.add_flag("--list-cases", list,
                 "say what the suites of attention would run, for other programs to run the same");
    app.footer("\nWithout a GPU prefill, decode and varlen run tiny sizes on the emulated device, as a test of the "
               "instrument; jit, host\nand emulator are real figures on any machine.\n\nExamples:\n"
               "  attune bench --suite prefill,decode --html bench.html\n"
               "  attune bench --suite jit --only qwen2.5-7b --json\n"
               "  attune bench --suite decode --list-cases --json");
  }

  Settings settings;
  std::vector<std::string> suites;
  std::string device = "auto", commit, output, csv, html;
  double time_limit = 0;
  std::uint64_t seed = 1;
  bool list = false;
};

void checkSuites(const std::vector<std::string>& suites) {
  std::vector<std::string> known = of_attention;
  known.insert(known.end(), others.begin(), others.end());
  for (const std::string& suite : suites)
    if (std::ranges::find(known, suite) == known.end())
      throw UsageError(fmt::format("--suite {}: there is no such suite; {}", suite, didYouMean(suite, known)));
}

/// Of the suites of attention among those asked for.
std::vector<Case> casesWanted(const Options& options) {
  std::vector<Case> cases;
  for (const std::string& suite : options.suites)
    if (isOfAttention(suite))
      for (Case& c : casesOf(suite))
        if (options.settings.wants(c.name))
          cases.push_back(std::move(c));
  return cases;
}

Exit list(const Options& options, bool json) {
  nlohmann::json document = {{"cases", nlohmann::json::array()}};
  Table table({"suite", "case", "batch", "q len", "kv len", "GFLOP", "MB"});
  for (const Case& c : casesWanted(options)) {
    document["cases"].push_back(bench::toJson(c));
    table.add({c.suite, c.name, fmt::to_string(c.lengths.batch()), fmt::to_string(c.problem().q_len),
               fmt::to_string(c.problem().kv_len), fmt::format("{:.1f}", flops(c) * 1e-9),
               fmt::format("{:.1f}", bytes(c) * 1e-6)});
  }
  if (json)
    printJson(document);
  else
    table.print();
  return Exit::Done;
}

std::string percent(const Ceiling* ceiling, double value) {
  return ceiling ? fmt::format("{:.0f} %", 100 * value / ceiling->measured->value) : "-";
}

std::string spread(const Measurement& m) { return m.samples > 1 ? fmt::format("{:.1f} %", 100 * m.spread) : "-"; }

void printCases(const Document& document) {
  if (document.cases.empty())
    return;
  heading("Cases");
  Table table(document.emulated ? std::vector<std::string>{"suite", "case", "result", "splits", "schedule"}
                                : std::vector<std::string>{"suite", "case", "us", "+-", "TFLOPS", "of matmul", "GB/s",
                                                           "of copy", "SM MHz", "splits"});
  for (const CaseResult& c : document.cases) {
    if (document.emulated) {
      table.add({c.measured.suite, c.measured.name, resultOf(c), fmt::to_string(c.splits), c.schedule});
    } else if (!c.us) {
      table.add({c.measured.suite, c.measured.name, "-", resultOf(c), "", "", "", "", "", ""});
    } else {
      const nlohmann::json mhz = c.clocks.value("sm_mhz", nlohmann::json());
      table.add({c.measured.suite, c.measured.name, fmt::format("{:.1f}", c.us->value), spread(*c.us),
                 fmt::format("{:.1f}", tflops(c)),
                 percent(document.ceiling(matmulOf(c.measured.spec.dtype)), tflops(c)),
                 fmt::format("{:.0f}", gbytesPerSecond(c)), percent(document.ceiling("copy"), gbytesPerSecond(c)),
                 mhz.is_null() ? "-" : mhz.dump(), fmt::to_string(c.splits)});
    }
  }
  table.print();
}

void print(const Document& document) {
  if (!document.ceilings.empty()) {
    heading("Ceilings");
    Table table({"ceiling", document.emulated ? "result" : "value", "unit", "+-"});
    for (const Ceiling& c : document.ceilings)
      table.add({c.name,
                 c.measured          ? fmt::format("{:.4g}", c.measured->value)
                 : c.failure.empty() ? "right, not timed"
                                     : c.failure,
                 c.unit, c.measured ? spread(*c.measured) : "-"});
    table.print();
  }
  printCases(document);
  if (!document.figures.empty()) {
    heading("Figures");
    Table table({"suite", "figure", "median", "unit", "+-", "samples"});
    for (const Figure& f : document.figures)
      table.add({f.suite, f.name, fmt::format("{:.4g}", f.measured.value), f.unit, spread(f.measured),
                 fmt::to_string(f.measured.samples)});
    table.print();
  }
  if (document.saysNothingOfSpeed())
    fmt::print("\n{}\n", style(stdout, noSpeedMeasured(), Style::Bold));
}

void write(const std::string& path, const std::string& text) {
  if (path.empty())
    return;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  writeWhole(path, {&bytes, 1});
}

/// What is there so far: a kernel that never ends, and whoever kills this process then, take nothing with them.
void keep(const Options& options, Document document) {
  document.complete = false;
  write(options.output, bench::toJson(document).dump(2) + "\n");
}

/// Of "cuda:1"; "auto" takes the first.
int ordinalOf(const std::string& device) {
  const std::size_t colon = device.find(':');
  return device.starts_with("cuda") && colon != std::string::npos ? std::stoi(device.substr(colon + 1)) : 0;
}

Document measure(const Options& options, const std::vector<Case>& cases) {
  const auto device = openDevice(options.device);
  Document document{.machine = machineFacts(device->properties(), ordinalOf(options.device)),
                    .commit = options.commit,
                    .seed = options.seed,
                    .emulated = device->properties().emulated,
                    .suites = options.suites};
  const auto start = std::chrono::steady_clock::now();
  const std::chrono::duration<double> limit(options.time_limit);
  Settings settings = options.settings;
  settings.progress = [](const std::string& line) { progress(line); };
  settings.stop = [&] {
    const bool over = options.time_limit > 0 && std::chrono::steady_clock::now() - start > limit;
    if (over || Interrupt::requested())
      document.complete = false;
    return !document.complete;
  };
  if (!cases.empty() || std::ranges::find(options.suites, "ceilings") != options.suites.end()) {
    progress("ceilings");
    document.ceilings = ceilings(device, settings.samples);
  }
  if (!cases.empty()) {
    AttentionSuite suite(device, tunedSchedules(), options.seed, ordinalOf(options.device));
    for (std::size_t n = 0; n < cases.size() && !settings.stop(); ++n) {
      settings.progress(fmt::format("{}/{} {} {}", n + 1, cases.size(), cases[n].suite, cases[n].name));
      document.cases.push_back(suite.run(cases[n], settings.samples));
      keep(options, document);
    }
  }
  const AddFigure add = [&](Figure figure) {
    document.figures.push_back(std::move(figure));
    keep(options, document);
  };
  for (const std::string& name : options.suites) {
    if (name == "jit")
      jitSuite(device, settings, add);
    if (name == "host")
      hostSuite(device, settings, add);
    if (name == "emulator")
      emulatorSuite(settings, add);
  }
  return document;
}

Exit run(const Options& options, bool json) {
  checkSuites(options.suites);
  if (options.list)
    return list(options, json);
  const std::vector<Case> cases = casesWanted(options);
  const Interrupt interrupt;
  const Document document = measure(options, cases);
  if (document.cases.empty() && document.ceilings.empty() && document.figures.empty() && document.complete)
    throw UsageError(fmt::format("--only '{}': nothing in {} has that in its name", options.settings.only,
                                 fmt::join(options.suites, ", ")));
  write(options.output, bench::toJson(document).dump(2) + "\n");
  write(options.csv, toCsv(document));
  write(options.html, toHtml(document));
  for (const std::string& path : {options.output, options.csv, options.html})
    if (!path.empty())
      progress("wrote " + path);
  if (json)
    printJson(bench::toJson(document));
  else
    print(document);
  if (Interrupt::requested())
    return Exit::Interrupted;
  if (!document.complete)
    return Exit::TimeLimit;
  return document.failed() ? Exit::SomeFailed : Exit::Done;
}

} // namespace

std::function<Exit()> defineBench(CLI::App& app, const bool& json) {
  const auto options = std::make_shared<Options>(app);
  return [options, &json] { return run(*options, json); };
}

} // namespace attune::cli
