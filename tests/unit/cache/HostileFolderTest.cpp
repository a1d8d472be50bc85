// Folders that cannot be used, or must not be: the same result, one warning, nothing thrown.
#include "tests/unit/cache/Fixture.h"

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>

namespace attune::cache {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Key key{"text", ""}, other{"other", ""};

class HostileFolder : public StoreTest {
protected:
  /// What a program sees: it makes two entries, and finds them again.
  bool works(StoreOptions o) {
    EntryStore store(std::move(o));
    const auto make = [](const char* payload) { return [payload] { return std::string(payload); }; };
    return store.getOrMake(key, make("one")) == "one" && store.getOrMake(other, make("two")) == "two" &&
           store.get(key) == "one" && store.getOrMake(key, make("never")) == "one";
  }
  /// As a user who is not root, whom permissions do not bind.
  bool worksUnprivileged(const StoreOptions& o, const char* warning) {
    return inChild([&] {
      if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
        return false;
      const bool fine = works(o);
      return fine && warnings.size() == 1 && warnings[0].find(warning) != std::string::npos;
    });
  }
  void belongToNobody(const std::filesystem::path& path) {
    if (::geteuid() == 0) {
      ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
      ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    }
  }
};

TEST_F(HostileFolder, None) {
  StoreOptions o = options();
  o.user.clear();
  EXPECT_TRUE(works(o));
  EXPECT_THAT(warnings, IsEmpty()) << "it was asked for";
}

TEST_F(HostileFolder, AFileInItsPlace) {
  overwrite(folder / "cache", "");
  EXPECT_TRUE(works(options()));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("Not a directory")));
}

TEST_F(HostileFolder, InAPlaceThatCannotBe) {
  StoreOptions o = options();
  o.user = "/proc/attune/cache";
  EXPECT_TRUE(works(o));
  EXPECT_THAT(warnings, ElementsAre(testing::AllOf(HasSubstr("/proc/attune/cache"), HasSubstr("stay in memory"))));
}

TEST_F(HostileFolder, RemovedWhileTheProgramRuns) {
  EntryStore store(options());
  store.put(key, "one");
  std::filesystem::remove_all(folder / "cache");
  EXPECT_EQ(store.get(key), std::nullopt);
  EXPECT_FALSE(store.put(other, "two"));
  EXPECT_EQ(store.get(other), "two");
  EXPECT_EQ(warnings.size(), 1U);
}

TEST_F(HostileFolder, WritableByOthers) {
  std::filesystem::create_directory(folder / "cache");
  ASSERT_EQ(::chmod((folder / "cache").c_str(), 0777), 0);
  EXPECT_TRUE(works(options()));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("others can write it (chmod go-w)")));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "cache"));
}

TEST_F(HostileFolder, OwnedByAnotherUser) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can give a folder away";
  std::filesystem::create_directory(folder / "cache");
  ASSERT_EQ(::chown((folder / "cache").c_str(), 12345, 12345), 0);
  EXPECT_TRUE(works(options()));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("it belongs to user 12345")));
}

TEST_F(HostileFolder, ReadOnly) {
  std::filesystem::create_directory(folder / "cache");
  belongToNobody(folder / "cache");
  ASSERT_EQ(::chmod((folder / "cache").c_str(), 0500), 0);
  EXPECT_TRUE(worksUnprivileged(options(), "cache is not used"));
}

TEST_F(HostileFolder, ReadOnlyButFilled) {
  EntryStore(options()).put(key, "one");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "cache")) {
    belongToNobody(entry.path());
    ASSERT_EQ(::chmod(entry.path().c_str(), entry.is_directory() ? 0500 : 0400), 0);
  }
  belongToNobody(folder / "cache");
  ASSERT_EQ(::chmod((folder / "cache").c_str(), 0500), 0);
  EXPECT_TRUE(inChild([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
      return false;
    EntryStore store(options());
    bool made = false;
    const bool found = store.getOrMake(key, [&] { return made = true, std::string(); }) == "one" && !made;
    return found && !store.put(other, "two") && store.get(other) == "two" && warnings.size() == 1;
  }));
}

TEST_F(HostileFolder, Full) {
  EXPECT_TRUE(inChild([&] {
    std::signal(SIGXFSZ, SIG_IGN); // writes beyond the limit fail half-way, as on a full disk
    const rlimit limit{50, 50};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return works(options()) && warnings.size() == 1 && warnings[0].find("takes no entries") != std::string::npos;
  }));
  EXPECT_TRUE(EntryStore(options()).list().empty());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "cache/things-v1/tmp")) << "what was written half is gone";
}

TEST_F(HostileFolder, NoDescriptorsLeft) {
  EXPECT_TRUE(inChild([&] {
    EntryStore store(options());
    const rlimit limit{3, 3};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return store.getOrMake(key, [] { return std::string("one"); }) == "one" && store.get(key) == "one";
  }));
}

TEST_F(HostileFolder, LinksAndPipesAreNoEntries) {
  EntryStore store(options());
  store.put(key, "one");
  const std::filesystem::path path = store.list().at(0).path;
  std::filesystem::rename(path, folder / "elsewhere");
  std::filesystem::create_symlink(folder / "elsewhere", path);
  EXPECT_EQ(store.get(key), std::nullopt);
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(EntryStore(options()).get(key), std::nullopt);
  EXPECT_EQ(store.getOrMake(key, [] { return std::string("two"); }), "two");
  EXPECT_EQ(store.get(key), "two") << "an entry took the pipe's place";
}

TEST_F(HostileFolder, AnEntryThatOthersCanWriteIsNone) {
  EntryStore store(options());
  store.put(key, "one");
  ASSERT_EQ(::chmod(store.list().at(0).path.c_str(), 0622), 0);
  EXPECT_EQ(store.get(key), std::nullopt);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("others can write it")));
}

} // namespace
} // namespace attune::cache
