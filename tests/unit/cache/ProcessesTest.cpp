// Many processes on one folder: killed while they write, and started cold side by side.
#include "tests/unit/cache/Fixture.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <sys/file.h>

namespace attune::cache {
namespace {

Key keyOf(int n) { return {"key " + std::to_string(n), "v"}; }
/// Large enough that it takes several writes to the disk, and known from the key.
std::string payloadOf(int n) {
  std::string payload(40'000 + static_cast<std::size_t>(n) * 500, '\0');
  std::mt19937 random(static_cast<unsigned>(n));
  for (std::size_t at = 0; at < payload.size(); at += 64)
    payload[at] = static_cast<char>(random());
  return payload;
}

class Processes : public StoreTest {
protected:
  std::size_t temporaries() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder / "cache/things-v1/tmp"))
      count += file.is_regular_file();
    return count;
  }
  /// Every entry that is there is whole and right.
  void check() {
    for (const EntryInfo& entry : EntryStore(options()).list(true)) {
      ASSERT_EQ(entry.damage, "") << entry.path;
      ASSERT_EQ(entry.payload, payloadOf(std::stoi(entry.key.text.substr(4))));
    }
  }
};

TEST_F(Processes, KilledAtRandomPointsTheyLeaveNothingTorn) {
  constexpr int kills = 1000, keys = 16;
  std::vector<std::string> payloads;
  for (int n = 0; n < keys; ++n)
    payloads.push_back(payloadOf(n));
  EntryStore store(options()); // before the first fork: what children do is write
  store.put(keyOf(0), payloads[0]);
  std::mt19937 random(1);
  std::size_t left_behind = 0;
  for (int kill = 0; kill < kills; ++kill) {
    int started[2];
    ASSERT_EQ(::pipe(started), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (int n = kill;; ++n) {
        store.put(keyOf(n % keys), payloads[static_cast<std::size_t>(n % keys)]);
        if (n == kill && ::write(started[1], "x", 1) != 1)
          ::_exit(1);
      }
    }
    char byte = 0;
    ASSERT_EQ(::read(started[0], &byte, 1), 1);
    ::usleep(static_cast<useconds_t>(random() % 1500));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(started[0]), ::close(started[1]);
    if (kill % 50 == 49) {
      ASSERT_NO_FATAL_FAILURE(check());
      left_behind += temporaries();
      store.prune(1 << 30);
      ASSERT_EQ(temporaries(), 0U) << "they are swept";
    }
  }
  EXPECT_GT(left_behind, 0U) << "no kill came while an entry was being written: the test shows nothing";
  EXPECT_EQ(store.list().size(), keys);
}

TEST_F(Processes, SweepingLeavesWhatALivingProcessWrites) {
  EntryStore store(options());
  store.put(keyOf(0), "x");
  const auto path = folder / "cache/things-v1/tmp/1-0-abcdef";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  const Descriptor file(fd);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  EXPECT_TRUE(inChild([&] { return EntryStore(options()).prune(1 << 20).empty(); }));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(Processes, StartedColdTheyMakeEachEntryOnce) {
  constexpr int processes = 32, keys = 370;
  const std::string log = (folder / "made").string();
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<int> order(keys);
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), std::mt19937(static_cast<unsigned>(p)));
      StoreOptions o = options();
      o.stale_age = std::chrono::seconds(60); // a file is there for a moment before it is locked
      EntryStore store(o);
      bool fine = true;
      for (const int n : order) {
        const std::string payload = store.getOrMake(keyOf(n), [&] {
          const std::string line = std::to_string(n) + "\n";
          const Descriptor file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
          fine = fine && ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
          ::usleep(500); // a compiler would take its time
          return "payload " + std::to_string(n);
        });
        fine = fine && payload == "payload " + std::to_string(n);
      }
      ::_exit(fine && warnings.empty() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  std::multiset<std::string> made;
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);)
    made.insert(line);
  EXPECT_EQ(made.size(), std::size_t{keys});
  EXPECT_EQ(std::set<std::string>(made.begin(), made.end()).size(), std::size_t{keys});
}

} // namespace
} // namespace attune::cache
