#include "runtime/cache/Bundle.h"
#include "runtime/cache/EntryFile.h"
#include "tests/fuzz/Targets.h"

namespace attune::fuzz {

namespace {

void imported(std::string_view bundle) {
  // memory only: what is taken ends with the store
  cache::EntryStore kernels({.kind = "kernels", .user = {}}), tuning({.kind = "tuning", .user = {}});
  cache::EntryStore* const stores[] = {&kernels, &tuning};
  try {
    const cache::BundleReport report = cache::importBundle(stores, bundle, "the bundle");
    require(report.in_memory == report.entries, "no folder takes anything");
  } catch (const UserError&) { // the right answer for most inputs
  }
}

} // namespace

void bundle(std::string_view bytes) {
  std::string why;
  if (const auto entry = cache::decode(bytes, why))
    require(cache::encode(*entry) == bytes, "an entry is written as it was read");
  else
    require(!why.empty(), "a damaged entry says why");
  imported(bytes);
  // No fuzzer finds a digest, so the bytes are also what a bundle with the right one holds.
  imported(cache::encode({"attune bundle 1", "", std::string(bytes)}));
}

} // namespace attune::fuzz
