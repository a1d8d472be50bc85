#include "autotune/cli/TuneReport.h"

#include "autotune/cli/Output.h"
#include "autotune/report/Page.h"
#include "runtime/io/WholeFile.h"

#include <span>

#include <fmt/format.h>

namespace attune::cli {

void writeReport(const std::filesystem::path& path, const std::string& title, const std::vector<TuneOutcome>& outcomes,
                 std::size_t total, const std::string& not_measured) {
  std::vector<std::string> notes;
  std::vector<autotune::ReportItem> items;
  if (!not_measured.empty())
    notes.push_back("Asked to measure, but " + not_measured + ".");
  for (const TuneOutcome& o : outcomes) {
    if (o.record)
      items.push_back({o.item.label, o.item.series,
                       autotune::survey(o.item.spec, o.item.shape, o.machine, o.record->chosen, o.record)});
    else
      notes.push_back(fmt::format("{}: {}", o.item.label, o.error));
    if (o.record && !o.record->complete)
      notes.push_back(o.item.label + ": the search was stopped before its end.");
  }
  if (outcomes.size() < total)
    notes.push_back(fmt::format("{} of {} were looked at before the run ended.", outcomes.size(), total));
  const std::string page = autotune::reportPage(title, items, notes);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(page));
  writeWhole(path, {&bytes, 1});
  progress(fmt::format("wrote {}", path.string()));
}

} // namespace attune::cli
