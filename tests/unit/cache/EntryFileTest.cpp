#include "runtime/cache/EntryFile.h"

#include <gtest/gtest.h>

namespace attune::cache {
namespace {

const Entry entry{"the key", "a variant", std::string("payload\0with a zero", 19)};

TEST(EntryFile, GoesRound) {
  std::string why;
  const auto read = decode(encode(entry), why);
  ASSERT_TRUE(read) << why;
  EXPECT_EQ(read->key, entry.key);
  EXPECT_EQ(read->variant, entry.variant);
  EXPECT_EQ(read->payload, entry.payload);
  EXPECT_TRUE(decode(encode({}), why)) << "an empty entry is one too";
}

TEST(EntryFile, EveryFlippedBitIsNoticed) {
  const std::string good = encode(entry);
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good, why;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      ASSERT_FALSE(decode(bad, why)) << "byte " << at << " bit " << bit;
      ASSERT_FALSE(why.empty());
    }
}

TEST(EntryFile, EveryTruncationAndEveryTailIsNoticed) {
  const std::string good = encode(entry);
  std::string why;
  for (std::size_t length = 0; length < good.size(); ++length)
    ASSERT_FALSE(decode(good.substr(0, length), why)) << length;
  for (std::size_t more : {1, 8, 32, 1000})
    ASSERT_FALSE(decode(good + std::string(more, '\0'), why)) << more;
}

TEST(EntryFile, TheDigestIsBlake3) { // of the empty text, as its authors publish it
  EXPECT_EQ(digestOf(""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
}

} // namespace
} // namespace attune::cache
