#include "runtime/cache/Bundle.h"

#include "attune/compiler/Error.h"
#include "runtime/cache/EntryFile.h"
#include "tests/unit/cache/Fixture.h"

namespace attune::cache {
namespace {

using testing::HasSubstr;

class Bundles : public StoreTest {
protected:
  StoreOptions at(const std::string& name, const std::string& kind) {
    StoreOptions o = options();
    o.user = folder / name;
    o.kind = kind;
    return o;
  }
  EntryStore kernels{at("here", "kernels")}, records{at("here", "tuning")};
  EntryStore* const here[2] = {&kernels, &records};
  const std::filesystem::path file = folder / "all.attune";
};

TEST_F(Bundles, CarryEntriesOfSeveralStores) {
  kernels.put({"a", "1"}, "cubin");
  kernels.put({"a", "2"}, std::string(1000, '\n'));
  records.put({"a", "1"}, "record");
  EXPECT_EQ(exportBundle(here, file).entries, 3U);

  EntryStore kernels_there(at("there", "kernels")), records_there(at("there", "tuning"));
  EntryStore* const there[] = {&kernels_there, &records_there};
  kernels_there.put({"a", "1"}, "cubin");
  const BundleReport report = importBundle(there, file);
  EXPECT_EQ(report.entries, 2U);
  EXPECT_EQ(report.known, 1U);
  EXPECT_EQ(kernels_there.get({"a", "2"}), std::string(1000, '\n'));
  EXPECT_EQ(records_there.get({"a", "1"}), "record");
}

TEST_F(Bundles, EntriesOfUnknownStoresStayOut) {
  kernels.put({"a", ""}, "cubin");
  records.put({"a", ""}, "record");
  exportBundle(here, file);
  EntryStore records_there(at("there", "tuning"));
  EntryStore* const there[] = {&records_there};
  const BundleReport report = importBundle(there, file);
  EXPECT_EQ(report.entries, 1U);
  EXPECT_EQ(report.foreign, 1U);
}

TEST_F(Bundles, DamagedEntriesAreNotExported) {
  kernels.put({"a", ""}, "cubin");
  overwrite(kernels.list().at(0).path, "rubbish");
  EXPECT_EQ(exportBundle(here, file).entries, 0U);
}

TEST_F(Bundles, ADamagedOneIsRefusedWhole) {
  kernels.put({"a", ""}, "cubin");
  exportBundle(here, file);
  const std::string good = contents(file);
  EntryStore there_store(at("there", "kernels"));
  EntryStore* const there[] = {&there_store};
  for (std::size_t n = 0; n < good.size(); ++n) {
    std::string bad = good;
    bad[n] = static_cast<char>(bad[n] ^ 1);
    overwrite(file, bad);
    EXPECT_THROW(importBundle(there, file), UserError) << "byte " << n;
    overwrite(file, good.substr(0, n));
    EXPECT_THROW(importBundle(there, file), UserError) << "length " << n;
  }
  overwrite(file, encode({"something else", "", "x"}));
  EXPECT_THROW(importBundle(there, file), UserError);
  for (const char* payload :
       {"9\nshort", "99999999999999999999999\n", "x\ny", "5\nab"}) { // a sound digest, other contents
    overwrite(file, encode({"attune bundle 1", "", payload}));
    EXPECT_THROW(importBundle(there, file), UserError) << payload;
  }
  EXPECT_TRUE(there_store.list().empty());
}

TEST_F(Bundles, WhatTheCheckRefusesKeepsAllOut) {
  kernels.put({"a", ""}, "cubin");
  kernels.put({"b", ""}, "bad");
  exportBundle(here, file);
  EntryStore there_store(at("there", "kernels"));
  EntryStore* const there[] = {&there_store};
  const auto check = [](const EntryStore&, const EntryInfo& entry) {
    if (entry.payload == "bad")
      throw UserError(UserError::Kind::Invalid, "an entry", "it is bad", "do without");
  };
  EXPECT_THROW(importBundle(there, file, {.check = check}), UserError);
  EXPECT_TRUE(there_store.list().empty());
}

} // namespace
} // namespace attune::cache
