// cp.reduce.async.bulk, of every operation and type that PTX has together, against the host.

#include "tests/unit/emulator/TensorBoxes.h"

#include <bit>
#include <cmath>
#include <functional>

namespace attune::emulator {
namespace {

using namespace boxes;
using testing::HasSubstr;
using u64 = std::uint64_t;

/// A floating-point format: f16 is {10, 5}.
struct Format {
  int mantissa, exponent;
  int bias() const { return (1 << (exponent - 1)) - 1; }
  double value(u64 bits) const {
    const double sign = (bits >> (mantissa + exponent)) != 0 ? -1 : 1;
    const auto field = static_cast<int>(bits >> mantissa & ((1u << exponent) - 1));
    const auto fraction = static_cast<double>(bits & ((u64{1} << mantissa) - 1));
    return sign * (field == 0 ? std::ldexp(fraction, 1 - bias() - mantissa)
                              : std::ldexp(fraction + std::ldexp(1, mantissa), field - bias() - mantissa));
  }
  /// Round to nearest even.
  u64 bits(double value) const {
    const u64 sign = u64{std::signbit(value)} << (mantissa + exponent);
    const int field = value == 0 ? 1 : std::max(std::ilogb(value) + bias(), 1);
    const auto units = static_cast<u64>(std::nearbyint(std::ldexp(std::abs(value), mantissa + bias() - field)));
    const u64 infinity = ((u64{1} << exponent) - 1) << mantissa;
    return sign | std::min(units + (static_cast<u64>(field - 1) << mantissa), infinity);
  }
};

/// How elements are read, and what the reduction makes of an old one and one of shared memory, both as bits.
struct Reduction {
  const char* operation; ///< with its .noftz
  const char* type;
  std::function<u64(u64, u64)> expected;
  unsigned bits() const { return static_cast<unsigned>(std::atoi(type + (type[0] == 'b' && type[1] == 'f' ? 2 : 1))); }
  u64 mask() const { return bits() == 64 ? ~u64{0} : (u64{1} << bits()) - 1; }
};
void PrintTo(const Reduction& reduction, std::ostream* out) { *out << reduction.operation << '.' << reduction.type; }

Format formatOf(const std::string& type) {
  return type == "f16" ? Format{10, 5} : type == "bf16" ? Format{7, 8} : type == "f32" ? Format{23, 8} : Format{52, 11};
}
std::int64_t extended(u64 bits, unsigned width) {
  return static_cast<std::int64_t>(bits << (64 - width)) >> (64 - width);
}

std::vector<Reduction> reductions() {
  std::vector<Reduction> all;
  for (const char* type : {"u32", "s32", "u64"})
    all.push_back({"add", type, [](u64 a, u64 b) { return a + b; }});
  for (const char* type : {"f16", "bf16"})
    all.push_back({"add.noftz", type, [f = formatOf(type)](u64 a, u64 b) { return f.bits(f.value(a) + f.value(b)); }});
  all.push_back({"add", "f64",
                 [](u64 a, u64 b) { return std::bit_cast<u64>(std::bit_cast<double>(a) + std::bit_cast<double>(b)); }});
  all.push_back({"add", "f32", [f = formatOf("f32")](u64 a, u64 b) { // flushes subnormal numbers
                   const auto flushed = [](u64 x) { return (x & 0x7f800000) == 0 ? x & 0x80000000 : x; };
                   return flushed(f.bits(f.value(flushed(a)) + f.value(flushed(b))));
                 }});
  for (const bool larger : {false, true}) {
    const char* name = larger ? "max" : "min";
    for (const char* type : {"u32", "u64"})
      all.push_back({name, type, [=](u64 a, u64 b) { return larger ? std::max(a, b) : std::min(a, b); }});
    for (const char* type : {"s32", "s64"})
      all.push_back({name, type, [=, width = type[1] == '3' ? 32u : 64u](u64 a, u64 b) {
                       return (extended(a, width) < extended(b, width)) == larger ? b : a;
                     }});
    for (const char* type : {"f16", "bf16"})
      all.push_back(
          {name, type, [=, f = formatOf(type)](u64 a, u64 b) { return (f.value(a) < f.value(b)) == larger ? b : a; }});
  }
  all.push_back({"inc", "u32", [](u64 a, u64 b) { return a >= b ? 0 : a + 1; }});
  all.push_back({"dec", "u32", [](u64 a, u64 b) { return a == 0 || a > b ? b : a - 1; }});
  for (const char* type : {"b32", "b64"}) {
    all.push_back({"and", type, [](u64 a, u64 b) { return a & b; }});
    all.push_back({"or", type, [](u64 a, u64 b) { return a | b; }});
    all.push_back({"xor", type, [](u64 a, u64 b) { return a ^ b; }});
  }
  return all;
}

/// Elements as bits: neighbours, extremes and, of floating-point numbers, subnormal ones; no infinity, NaN or -0.
std::vector<u64> elements(const Reduction& reduction, std::size_t count, unsigned salt) {
  const std::string type = reduction.type;
  const bool real = type.find('f') != std::string::npos;
  const Format format = real ? formatOf(type) : Format{};
  std::mt19937_64 random(salt);
  std::vector<u64> made(count);
  for (u64& value : made) {
    value = random() & reduction.mask();
    const u64 choice = random() % 4;
    if (!real && choice < 2) // small ones meet
      value = choice == 0 ? value % 8 : (reduction.mask() >> (value >> 1 & 1)) - value % 2;
    else if (real && choice < 2) // a subnormal number, or one next to those
      value &= ~(((u64{1} << format.exponent) - 2) << format.mantissa);
    else if (real) // exponents that meet
      value = format.bits(std::ldexp(format.value(value & ~(((u64{1} << format.exponent) - 1) << format.mantissa)),
                                     format.bias() - 1 + static_cast<int>(value % 16)));
    if (real && (value & reduction.mask() >> 1) == 0)
      value = 1;
  }
  return made;
}

std::vector<std::byte> packed(const std::vector<u64>& values, std::size_t size) {
  std::vector<std::byte> bytes(values.size() * size);
  for (std::size_t i = 0; i < values.size(); ++i)
    std::memcpy(&bytes[i * size], &values[i], size);
  return bytes;
}
u64 unpacked(const std::vector<std::byte>& bytes, std::size_t at, std::size_t size) {
  u64 value = 0;
  std::memcpy(&value, &bytes[at], size);
  return value;
}

std::optional<Element> elementOf(const std::string& type) {
  return type == "s32" || type == "b32" ? std::optional(Element::I32)
         : type == "f32"                ? std::optional(Element::F32)
         : type == "f16"                ? std::optional(Element::F16)
         : type == "bf16"               ? std::optional(Element::BF16)
                                        : std::nullopt; // a tensor has no such elements
}

std::vector<Reduction> tensorReductions() {
  std::vector<Reduction> all = reductions();
  std::erase_if(all, [](const Reduction& reduction) { return !elementOf(reduction.type); });
  return all;
}

class BulkReduction : public testing::TestWithParam<Reduction> {};
class BulkTensorReduction : public testing::TestWithParam<Reduction> {};
INSTANTIATE_TEST_SUITE_P(All, BulkReduction, testing::ValuesIn(reductions()));
INSTANTIATE_TEST_SUITE_P(All, BulkTensorReduction, testing::ValuesIn(tensorReductions()));

std::string plainText(const std::string& operation) {
  return storerText("cp.reduce.async.bulk.global.shared::cta.bulk_group." + operation + " [%p0], [tile], %r1;");
}

TEST_P(BulkReduction, OfPlainMemory) {
  const Reduction& reduction = GetParam();
  const std::size_t size = reduction.bits() / 8, count = 2048 / size;
  const std::vector<u64> box = elements(reduction, count, 1), old = elements(reduction, count + 4, 2);
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    Harness harness(hopper(seed));
    const DevicePtr out = harness.upload(packed(old, size), "out");
    harness.launch(plainText(std::string(reduction.operation) + "." + reduction.type), "k", {1}, {128}, TensorMap{},
                   harness.upload(packed(box, size), "in"), out, At{}, 2048u);
    const auto got = harness.download<std::byte>(out, old.size() * size);
    for (std::size_t i = 0; i < old.size(); ++i)
      ASSERT_EQ(unpacked(got, i * size, size),
                i < count ? reduction.expected(old[i], box[i]) & reduction.mask() : old[i])
          << std::hex << "old " << old[i] << " and " << (i < count ? box[i] : 0);
  }
}

std::string tensorText(int rank, const std::string& operation) {
  return storerText("cp.reduce.async.bulk.tensor." + std::to_string(rank) + "d.global.shared::cta." + operation +
                    ".tile.bulk_group [%p2, " + coordinates(rank) + "], [tile];");
}

TEST_P(BulkTensorReduction, OfEveryRankSwizzleAndPlace) {
  const Reduction& reduction = GetParam();
  const Element element = *elementOf(reduction.type);
  const std::size_t size = reduction.bits() / 8;
  const std::string name = reduction.operation;
  std::mt19937 random(7);
  for (TiledTensor tensor :
       {tensorOf({300}, {256}, Swizzle::None, element), tensorOf({50, 21}, {16, 18}, Swizzle::Bytes64, element),
        tensorOf({60, 9, 7}, {8, 5, 4}, Swizzle::Bytes32, element),
        tensorOf({64, 9, 3, 4}, {32, 4, 2, 3}, Swizzle::Bytes128, element),
        tensorOf({24, 3, 4, 3, 2}, {8, 2, 3, 2, 2}, Swizzle::None, element)}) {
    const std::string ptx = tensorText(tensor.rank, name.substr(0, name.find('.')));
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      Harness harness(hopper(seed));
      const std::uint32_t bytes = bytesOfBox(tensor);
      const std::vector<u64> box = elements(reduction, bytes / size, 1);
      std::vector<u64> values = elements(reduction, bytesOfTensor(tensor) / size, 2);
      tensor.data = harness.upload(packed(values, size), "tensor");
      const At at = seed == 0 ? At{} : placeOf(tensor, random);
      harness.launch(ptx, "k", {1}, {128}, harness.device->encode(tensor), harness.upload(packed(box, size), "in"),
                     DevicePtr{0}, at, bytes);
      eachElement(tensor, at, [&](std::size_t shared, std::optional<std::uint64_t> offset) {
        if (offset)
          values[*offset / size] = reduction.expected(values[*offset / size], box[shared / size]) & reduction.mask();
      });
      ASSERT_EQ(harness.download<std::byte>(tensor.data, values.size() * size), packed(values, size))
          << "rank " << tensor.rank << " seed " << seed;
    }
  }
}

TEST(BulkReductions, AreAtomic) { // 512 blocks add to the same 16 bytes a thousand times
  Harness harness({.target = "sm_90a", .threads = 4});
  const DevicePtr out = harness.upload(std::vector<unsigned>(4, 1), "out");
  harness.launch(storerText("mov.u32 %r5, 0;\nLOOP: "
                            "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%p0], [tile], %r1;"
                            "add.u32 %r5, %r5, 1; setp.lt.u32 %q1, %r5, 1000; @%q1 bra LOOP;"),
                 "k", {512}, {128}, TensorMap{}, harness.upload(std::vector<unsigned>(4, 2), "in"), out, At{}, 16u);
  EXPECT_THAT(harness.download<unsigned>(out, 4), testing::Each(1024001u));
}

TEST(BulkReductions, OthersAreRefused) {
  const auto error = [](const std::string& ptx, Element element) {
    return Harness::errorOf([&] {
      Harness harness(hopper());
      TiledTensor tensor = tensorOf({64}, {16}, Swizzle::None, element);
      tensor.data = harness.upload(std::vector<int>(64), "tensor");
      harness.launch(ptx, "k", {1}, {128}, harness.device->encode(tensor), harness.upload(std::vector<int>(16), "in"),
                     harness.upload(std::vector<int>(16), "out"), At{}, 64u);
    });
  };
  for (const std::string plain : {"add.f16", "add.bf16", "add.noftz.f32", "add.s64", "max.f32", "min.f64",
                                  "min.noftz.f16", "inc.s32", "dec.u64", "and.u32", "xor.s32", "or.f32"})
    EXPECT_THAT(error(plainText(plain), Element::I32), HasSubstr("this reduction")) << plain;
  for (const auto& [operation, element] :
       {std::pair{"inc", Element::I32}, std::pair{"max", Element::F32}, std::pair{"xor", Element::F16},
        std::pair{"add", Element::U8}, std::pair{"min", Element::E4M3}})
    EXPECT_THAT(error(tensorText(1, operation), element), HasSubstr("that the tensor map's elements do not have"))
        << operation;
  EXPECT_THAT(error(tensorText(1, "add.noftz"), Element::F16), HasSubstr("this reduction"));
}

} // namespace
} // namespace attune::emulator
