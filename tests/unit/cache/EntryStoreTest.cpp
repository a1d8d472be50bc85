#include "tests/unit/cache/Fixture.h"

#include "runtime/cache/EntryFile.h"

#include <atomic>
#include <set>
#include <sys/stat.h>
#include <thread>

namespace attune::cache {
namespace {

using testing::HasSubstr;

const Key key{"a text", "nvrtc 13.0"};

TEST_F(StoreTest, KeepsEntriesForTheNextProcess) {
  EntryStore(options()).put(key, "payload");
  EntryStore next(options());
  EXPECT_EQ(next.get(key), "payload");
  EXPECT_EQ(next.get({"another text", key.variant}), std::nullopt);
  EXPECT_EQ(next.get({key.text, "another variant"}), std::nullopt);
  EXPECT_EQ(next.counters().hits, 1U);
  EXPECT_EQ(next.counters().misses, 2U);
  EXPECT_TRUE(next.remove(key));
  EXPECT_FALSE(next.remove(key));
  EXPECT_EQ(next.get(key), std::nullopt);
  EXPECT_THAT(warnings, testing::IsEmpty());
}

TEST_F(StoreTest, FoldersAreForTheUserAlone) {
  EntryStore store(options());
  store.put(key, "payload");
  for (const auto& path : {folder / "cache", folder / "cache/things-v1"}) {
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U) << path;
  }
  struct stat status{};
  ASSERT_EQ(::stat(store.list().at(0).path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(StoreTest, KindsAndSchemasDoNotMeet) {
  StoreOptions other = options();
  other.schema = 2;
  EntryStore(options()).put(key, "old");
  EXPECT_EQ(EntryStore(other).get(key), std::nullopt);
}

TEST_F(StoreTest, AReadOnlyStoreWritesNothing) {
  StoreOptions reading = options();
  reading.read_only = true;
  EntryStore before(reading);
  EXPECT_FALSE(before.put(key, "kept in memory"));
  EXPECT_EQ(before.get(key), "kept in memory");
  EXPECT_FALSE(std::filesystem::exists(folder / "cache"));
  EntryStore(options()).put(key, "on disk");
  EntryStore after(reading);
  EXPECT_EQ(after.get(key), "on disk");
  EXPECT_EQ(after.getOrMake({key.text, "another"}, [] { return std::string("made"); }), "made");
  EXPECT_FALSE(after.remove(key));
  EXPECT_TRUE(after.prune(0).empty());
  EXPECT_EQ(EntryStore(options()).list().size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder / "cache/things-v1/locks"));
  EXPECT_THAT(warnings, testing::IsEmpty());
}

TEST_F(StoreTest, TheLastWriterWins) {
  EntryStore store(options());
  store.put(key, "first");
  store.put(key, "second");
  EXPECT_EQ(store.get(key), "second");
  EXPECT_EQ(store.list().size(), 1U);
}

TEST_F(StoreTest, AnyVariantServesWhereNoneIsKnown) {
  EntryStore store(options());
  std::string variant;
  EXPECT_EQ(store.getAny(key, variant), std::nullopt);
  store.put({key.text, "nvrtc 12.8"}, "older");
  store.put({key.text, "nvrtc 12.9"}, "newer");
  EXPECT_EQ(store.getAny(key, variant), "newer");
  EXPECT_EQ(variant, "nvrtc 12.9");
  store.put(key, "exact");
  EXPECT_EQ(store.getAny({key.text, "nvrtc 12.8"}, variant), "older") << "the exact one is better";
}

TEST_F(StoreTest, EveryFlippedByteAndEveryTruncationIsAMissThatHealsItself) {
  EntryStore(options()).put(key, "payload");
  const std::filesystem::path path = EntryStore(options()).list().at(0).path;
  const std::string good = contents(path);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    overwrite(path, bad);
    ASSERT_EQ(EntryStore(options()).get(key), std::nullopt) << "byte " << at;
    overwrite(path, good.substr(0, at));
    EntryStore store(options());
    ASSERT_EQ(store.list().at(0).damage.empty(), false);
    ASSERT_EQ(store.getOrMake(key, [] { return std::string("payload"); }), "payload") << "length " << at;
    ASSERT_EQ(contents(path), good) << "it was not written anew";
  }
  EXPECT_EQ(warnings.size(), good.size() * 2) << "one warning of each store";
  EXPECT_THAT(warnings.at(0), testing::AllOf(HasSubstr(path.string()), HasSubstr("it is made anew")));
}

TEST_F(StoreTest, AnEntryUnderAnotherNameIsAMiss) { // as a collision of digests would be
  EntryStore store(options());
  store.put(key, "payload");
  store.put({"another", ""}, "x");
  const auto entries = store.list();
  const std::size_t mine = entries.at(0).key.text == key.text ? 0 : 1;
  std::filesystem::copy_file(entries.at(1 - mine).path, entries.at(mine).path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(store.get(key), std::nullopt);
  EXPECT_THAT(warnings.at(0), HasSubstr("it has another key"));
}

TEST_F(StoreTest, TheUsersTierIsAboveTheSystems) {
  StoreOptions shipped = options();
  shipped.user = folder / "share";
  EntryStore(shipped).put(key, "shipped");
  EntryStore(shipped).put({"only shipped", ""}, "shipped too");
  StoreOptions both = options();
  both.system = {folder / "nowhere", folder / "share"};
  EntryStore store(both);
  EXPECT_EQ(store.get(key), "shipped");
  store.put(key, "mine");
  EXPECT_EQ(store.get(key), "mine");
  EXPECT_EQ(store.get({"only shipped", ""}), "shipped too");
  const auto entries = store.list();
  EXPECT_EQ(std::ranges::count(entries, Tier::System, &EntryInfo::tier), 2);
  store.prune(0);
  EXPECT_EQ(store.get(key), "shipped") << "pruning leaves what is not ours";
  EXPECT_THAT(warnings, testing::IsEmpty()) << "a system tier that is not there is no news";
}

TEST_F(StoreTest, TheLeastRecentlyUsedMakeRoom) {
  StoreOptions small = options();
  small.max_bytes = 100'000;
  EntryStore store(small);
  const std::string payload(10'000, 'x');
  const auto keyOf = [](int n) { return Key{"key " + std::to_string(n), ""}; };
  const auto age = [&](int n, std::chrono::hours hours) { // as if nobody had used it since
    for (const EntryInfo& entry : store.list())
      if (entry.key.text == keyOf(n).text)
        std::filesystem::last_write_time(entry.path, std::filesystem::file_time_type::clock::now() - hours);
  };
  for (int n = 0; n < 9; ++n) {
    store.put(keyOf(n), payload);
    age(n, std::chrono::hours(100 - n));
  }
  EXPECT_TRUE(store.get(keyOf(0))); // the oldest until now
  store.put(keyOf(9), payload);     // the tenth does not fit: two make room, so that the next one need not look
  std::set<std::string> left;
  for (const EntryInfo& entry : store.list())
    left.insert(entry.key.text);
  EXPECT_EQ(left, (std::set<std::string>{"key 0", "key 3", "key 4", "key 5", "key 6", "key 7", "key 8", "key 9"}));
}

TEST_F(StoreTest, PruningRemovesDamagedEntries) {
  EntryStore store(options());
  store.put(key, "payload");
  overwrite(store.list().at(0).path, "rubbish");
  const auto removed = store.prune(1 << 20);
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].damage, "it is truncated");
  EXPECT_TRUE(store.list().empty());
}

TEST_F(StoreTest, WhatMakeThrowsPassesThroughAndTheNextTriesAgain) {
  EntryStore store(options());
  EXPECT_THROW(store.getOrMake(key, []() -> std::string { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(store.getOrMake(key, [] { return std::string("yes"); }), "yes");
}

TEST_F(StoreTest, ThreadsThatMissTheSameKeyMakeItOnce) {
  EntryStore store(options());
  std::atomic<int> made = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 8; ++n)
      threads.emplace_back([&] {
        EXPECT_EQ(store.getOrMake(key,
                                  [&] {
                                    ++made;
                                    std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                    return std::string("payload");
                                  }),
                  "payload");
      });
  }
  EXPECT_EQ(made, 1);
  EXPECT_GE(store.counters().waits, 1U);
}

TEST_F(StoreTest, WhoeverHoldsTheLockForTooLongIsNotWaitedFor) {
  StoreOptions impatient = options();
  impatient.lock_timeout = std::chrono::milliseconds(20);
  EntryStore store(impatient), other(options());
  std::string inner;
  other.getOrMake(key, [&] { // holds the lock meanwhile
    inner = store.getOrMake(key, [] { return std::string("made without it"); });
    return std::string("late");
  });
  EXPECT_EQ(inner, "made without it");
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings.at(0), HasSubstr("longer than 20 ms"));
}

} // namespace
} // namespace attune::cache
