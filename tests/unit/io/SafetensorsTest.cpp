#include "runtime/io/Safetensors.h"

#include "tests/support/Refusal.h"
#include "tests/support/TemporaryFolder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

namespace attune {
namespace {

/// Length, header and `data_bytes` of data.
std::vector<std::byte> file(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  for (std::size_t i = 0; i < data_bytes; ++i)
    bytes[8 + header.size() + i] = static_cast<std::byte>(i);
  return bytes;
}

std::string parseRefusal(std::vector<std::byte> bytes) {
  return refusal([&] { SafetensorsFile::parse(std::move(bytes), "file 'x'"); });
}

TEST(Safetensors, ReadsWhatTheFormatSays) {
  const auto f = SafetensorsFile::parse(
      file(R"({"__metadata__": {"format": "pt"}, "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]},
      "scalar": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}, "none": {"dtype": "I32", "shape": [0, 5], "data_offsets": [16, 16]}}   )",
           16),
      "x");
  ASSERT_EQ(f.tensors().size(), 3u);
  EXPECT_EQ(f.tensors()[0].name, "scalar") << "in the order of their data";
  EXPECT_EQ(f.at("b").dtype, "BF16");
  EXPECT_EQ(f.at("b").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(f.at("b").bytes.size(), 12u);
  EXPECT_EQ(f.at("b").bytes[0], std::byte{4});
  EXPECT_TRUE(f.at("none").bytes.empty());
  EXPECT_EQ(f.find("c"), nullptr);
}

TEST(Safetensors, NamesTheNearestTensor) {
  const auto f = SafetensorsFile::parse(
      file(R"({"cu_seqlens_q": {"dtype": "I32", "shape": [1], "data_offsets": [0, 4]}})", 4), "file 'x'");
  EXPECT_EQ(refusal([&] { f.at("cu_seqlen_q"); }),
            "invalid: file 'x': it has no tensor 'cu_seqlen_q'; rename 'cu_seqlens_q'");
  EXPECT_EQ(refusal([&] { f.at("alibi_slopes"); }), "invalid: file 'x': it has no tensor 'alibi_slopes'; add it");
}

TEST(Safetensors, Refusals) {
  const std::string again = "; write the file again with safetensors.torch.save_file or the like";
  const auto one = [](const std::string& entry, std::size_t data_bytes = 4) {
    return file(R"({"q": )" + entry + "}", data_bytes);
  };
  std::vector<std::byte> long_header = file("{}", 0), huge_header = long_header;
  long_header[0] = std::byte{200};
  huge_header[7] = std::byte{0x80};
  const std::vector<std::pair<std::vector<std::byte>, std::string>> cases = {
      {{}, "invalid: file 'x': 0 bytes are too few for a safetensors file" + again},
      {std::vector<std::byte>(7), "invalid: file 'x': 7 bytes are too few for a safetensors file" + again},
      {long_header, "invalid: file 'x': it is truncated: 200 bytes of header announced, 2 there; copy it again"},
      {huge_header, "invalid: file 'x': its header would have 9223372036854775810 bytes, the limit is 100000000; check "
                    "that it is a safetensors file"},
      {file("[]", 0), "invalid: file 'x', header []: it must be a JSON object; begin with { and end with }"},
      {file(
           R"({"q": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "q": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
           8),
       R"(invalid: file 'x', header, key "q": a key may appear once; drop one of them)"},
      {one("3"),
       R"(invalid: file 'x', tensor "q": its entry 3 must be an object with dtype, shape and data_offsets)" + again},
      {one(R"({"dtype": "F32", "shape": [1]})"),
       R"(invalid: file 'x', tensor "q": its entry has no data_offsets)" + again},
      {one(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "stride": 1})"),
       R"(invalid: file 'x', tensor "q": its entry has an unknown key "stride")" + again},
      {one(R"({"dtype": "f32", "shape": [1], "data_offsets": [0, 4]})"),
       R"(invalid: file 'x', tensor "q": dtype "f32" is none of the format's; did you mean 'F32'?)"},
      {one(R"({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]})"),
       R"(invalid: file 'x', tensor "q": shape [-1] must be a list of integers from 0 on)" + again},
      {one(R"({"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]})"),
       R"(invalid: file 'x', tensor "q": shape [1.5] must be a list of integers from 0 on)" + again},
      {one(R"({"dtype": "F32", "shape": [1], "data_offsets": [4, 0]})"),
       R"(invalid: file 'x', tensor "q": data_offsets [4,0] must be [begin, end])" + again},
      {one(R"({"dtype": "F32", "shape": [1], "data_offsets": [0]})"),
       R"(invalid: file 'x', tensor "q": data_offsets [0] must be [begin, end])" + again},
      {one(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]})"),
       R"(invalid: file 'x', tensor "q": F32 elements of shape [2] do not take 4 bytes)" + again},
      {one(R"({"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]})",
           0), // the product wraps to 0
       R"(invalid: file 'x', tensor "q": F32 elements of shape [4294967296,4294967296] do not take 0 bytes)" + again},
      {one(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})", 2),
       R"(invalid: file 'x', tensor "q": it is truncated: its data ends at 4, the file's at 2; copy the file again)"},
      {one(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})", 5),
       "invalid: file 'x': 1 bytes follow the last tensor" + again},
      {one(R"({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]})", 8),
       R"(invalid: file 'x', tensor "q": its data begins at 4, after a gap from 0)" + again},
      {file(
           R"({"k": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "q": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})",
           12),
       R"(invalid: file 'x', tensor "q": its data begins at 4, inside the tensor before, which ends at 8)" + again},
      {file(R"({"__metadata__": {"a": 1}})", 0),
       "invalid: file 'x', __metadata__: it must map strings to strings" + again},
  };
  for (const auto& [bytes, message] : cases)
    EXPECT_EQ(parseRefusal(bytes), message);
  EXPECT_TRUE(parseRefusal(file("{\"q\": }", 0)).starts_with("invalid: file 'x', header: it must be JSON: "));
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const auto whole = file(
      R"({"q": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}, "k": {"dtype": "BF16", "shape": [1], "data_offsets": [6, 8]}})",
      8);
  EXPECT_EQ(parseRefusal(whole), "");
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_NE(parseRefusal({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}), "") << n << " bytes";
}

TEST(Safetensors, FilesRoundTripAndAreAligned) {
  std::mt19937 random(1);
  const auto pick = [&](int below) { return std::uniform_int_distribution(0, below - 1)(random); };
  const TemporaryFolder folder;
  for (int round = 0; round < 20; ++round) {
    std::vector<StoredTensor> tensors;
    std::vector<std::vector<std::byte>> storage;
    const char* const dtypes[] = {"U8", "BF16", "F16", "F32", "I32", "I64"};
    for (int n = pick(6); n > 0; --n) {
      StoredTensor t{"tensor \"" + std::to_string(n) + "\"", dtypes[pick(6)], {}, {}};
      std::size_t size = static_cast<std::size_t>(safetensorsElementBytes(t.dtype));
      for (int rank = pick(4); rank > 0; --rank)
        size *= static_cast<std::size_t>(t.shape.emplace_back(pick(5)));
      storage.emplace_back(size);
      for (std::byte& b : storage.back())
        b = static_cast<std::byte>(pick(256));
      t.bytes = storage.back(); // a vector's elements stay where they are when `storage` grows
      tensors.push_back(t);
    }
    writeSafetensors(folder / "t", tensors);
    const auto back = SafetensorsFile::read(folder / "t");
    ASSERT_EQ(back.tensors().size(), tensors.size());
    for (const StoredTensor& t : tensors) {
      const StoredTensor& b = back.at(t.name);
      EXPECT_EQ(b.dtype, t.dtype);
      EXPECT_EQ(b.shape, t.shape);
      EXPECT_TRUE(std::ranges::equal(b.bytes, t.bytes));
      EXPECT_EQ((b.bytes.data() - back.tensors().front().bytes.data()) % safetensorsElementBytes(t.dtype), 0);
    }
  }
}

TEST(Safetensors, WriterRefusesWhatWouldNotReadBack) {
  const TemporaryFolder folder;
  const std::vector<std::byte> four(4);
  const auto writeRefusal = [&](const std::vector<StoredTensor>& tensors) {
    return refusal([&] { writeSafetensors(folder / "t", tensors); });
  };
  EXPECT_EQ(writeRefusal({{"q", "F32", {2}, four}}),
            "invalid: tensor 'q': 4 bytes do not match dtype F32 and its shape; give as many bytes as the shape has "
            "elements times their size");
  EXPECT_EQ(writeRefusal({{"q", "float", {1}, four}}),
            "invalid: tensor 'q': 4 bytes do not match dtype float and its shape; give as many bytes as the shape has "
            "elements times their size");
  EXPECT_EQ(writeRefusal({{"q", "F32", {1}, four}, {"q", "F32", {1}, four}}),
            "invalid: tensor 'q': the name is taken; rename it");
  EXPECT_EQ(writeRefusal({{"\xff", "F32", {1}, four}}), "invalid: tensor '\xff': its name is not UTF-8; rename it");
  EXPECT_FALSE(std::filesystem::exists(folder / "t"));
}

} // namespace
} // namespace attune
