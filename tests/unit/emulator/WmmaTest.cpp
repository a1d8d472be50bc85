// wmma against a product written down naively, for every shape, layout and type that is supported.

#include "tests/unit/emulator/Harness.h"

#include <bit>
#include <cmath>
#include <random>

namespace attune::emulator {
namespace {

struct Shape {
  unsigned m, n;
  bool bfloat, half_sum, a_by_columns, b_by_columns, c_by_columns, through_shared;
};
void PrintTo(const Shape& s, std::ostream* out) {
  *out << "m" << s.m << "n" << s.n << (s.bfloat ? " bf16" : " f16") << (s.half_sum ? " sums f16" : " sums f32")
       << (s.a_by_columns ? " A by columns" : "") << (s.b_by_columns ? " B by columns" : "")
       << (s.c_by_columns ? " C by columns" : "") << (s.through_shared ? " shared" : "");
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const auto& [m, n] : {std::pair{16u, 16u}, {32u, 8u}, {8u, 32u}})
    for (unsigned i = 0; i < 32; ++i)
      if (!((i & 1) != 0 && (i & 2) != 0)) // bf16 sums are f32
        all.push_back({m, n, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0, (i & 16) != 0, i % 5 == 0});
  return all;
}

std::uint16_t encode(int value, bool bfloat) { // integers up to 2048 are exact in f16, up to 256 in bf16
  if (bfloat)
    return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
  if (value == 0)
    return 0;
  const int magnitude = std::abs(value), exponent = std::ilogb(magnitude);
  return static_cast<std::uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 15) << 10 |
                                    ((magnitude << 10 >> exponent) - 1024));
}

class Wmma : public testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Wmma, testing::ValuesIn(shapes()));

/// A matrix of small integers in memory: by rows or by columns, with room between them.
struct Matrix {
  Matrix(unsigned rows, unsigned columns, bool by_columns, unsigned gap, unsigned seed)
      : stride((by_columns ? rows : columns) + gap), by_columns_(by_columns),
        values(std::size_t{stride} * (by_columns ? columns : rows)) {
    std::mt19937 random(seed);
    for (int& value : values)
      value = static_cast<int>(random() % 9) - 4;
  }
  int& at(unsigned row, unsigned column) { return values[by_columns_ ? column * stride + row : row * stride + column]; }

  unsigned stride;

private:
  bool by_columns_;

public:
  std::vector<int> values;
};

std::string list(const std::string& prefix, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i > 0 ? ", " : "") + prefix + std::to_string(i);
  return text + "}";
}

TEST_P(Wmma, IsTheProductOfItsMatrices) {
  const Shape s = GetParam();
  Matrix a(s.m, 16, s.a_by_columns, 8, 1), b(16, s.n, s.b_by_columns, 16, 2), c(s.m, s.n, s.c_by_columns, 8, 3);
  const std::string shape = "m" + std::to_string(s.m) + "n" + std::to_string(s.n) + "k16",
                    element = s.bfloat ? "bf16" : "f16", sum = s.half_sum ? "f16" : "f32";
  const auto layout = [](bool by_columns) { return std::string(by_columns ? "col" : "row"); };
  const unsigned a_count = s.bfloat ? s.m / 4 : 8, b_count = s.bfloat ? s.n / 4 : 8, c_count = s.half_sum ? 4 : 8;
  std::string body = ".reg .b32 %a<8>, %b<8>, %c<8>, %d<8>, %s, %t; .reg .b64 %p<4>; .reg .pred %q; .shared .align 32 "
                     ".b8 tile[8192]; ld.param.u64 %p0, [a]; ld.param.u64 %p1, [b]; ld.param.u64 %p2, [c];\n";
  std::string a_space = ".global", a_address = "%p0";
  if (s.through_shared) { // A goes through shared memory
    body += "mov.u32 %s, %tid.x; shl.b32 %s, %s, 1; L: cvt.u64.u32 %p3, %s; add.s64 %p3, %p3, %p0; { .reg .b16 %h; "
            "ld.global.u16 %h, [%p3]; mov.u32 %t, tile; add.s32 %t, %t, %s; st.shared.u16 [%t], %h; } add.s32 %s, %s, "
            "64; setp.lt.u32 %q, %s, " +
            std::to_string(2 * a.values.size()) + "; @%q bra L; bar.warp.sync -1; mov.u32 %t, tile;\n";
    a_space = ".shared", a_address = "%t";
  }
  body += "wmma.load.a.sync.aligned." + layout(s.a_by_columns) + "." + shape + a_space + "." + element + " " +
          list("%a", a_count) + ", [" + a_address + "], " + std::to_string(a.stride) + ";\n";
  body += "mov.u32 %s, " + std::to_string(b.stride) + "; wmma.load.b.sync.aligned." + layout(s.b_by_columns) + "." +
          shape + "." + element + " " + list("%b", b_count) + ", [%p1], %s;\n"; // a generic address, too
  body += "wmma.load.c.sync.aligned." + layout(s.c_by_columns) + "." + shape + ".global." + sum + " " +
          list("%c", c_count) + ", [%p2], " + std::to_string(c.stride) + ";\n";
  const std::string types = s.bfloat ? ".f32.bf16.bf16.f32" : "." + sum + "." + sum;
  body += "wmma.mma.sync.aligned." + layout(s.a_by_columns) + "." + layout(s.b_by_columns) + "." + shape + types + " " +
          list("%d", c_count) + ", " + list("%a", a_count) + ", " + list("%b", b_count) + ", " + list("%c", c_count) +
          ";\n";
  body += "wmma.store.d.sync.aligned." + layout(s.c_by_columns) + "." + shape + ".global." + sum + " [%p2], " +
          list("%d", c_count) + ", " + std::to_string(c.stride) + ";\n";

  const auto encoded = [](const Matrix& matrix, bool bfloat) {
    std::vector<std::uint16_t> out;
    for (const int value : matrix.values)
      out.push_back(encode(value, bfloat));
    return out;
  };
  Harness harness;
  const DevicePtr a_data = harness.upload(encoded(a, s.bfloat), "a"),
                  b_data = harness.upload(encoded(b, s.bfloat), "b");
  const std::vector<float> c_floats(c.values.begin(), c.values.end());
  const DevicePtr c_data = s.half_sum ? harness.upload(encoded(c, false), "c") : harness.upload(c_floats, "c");
  harness.launch(kernelText(".param .u64 a, .param .u64 b, .param .u64 c", body), "k", {1}, {32}, a_data, b_data,
                 c_data);

  Matrix expected = c;
  for (unsigned row = 0; row < s.m; ++row)
    for (unsigned column = 0; column < s.n; ++column)
      for (unsigned k = 0; k < 16; ++k)
        expected.at(row, column) += a.at(row, k) * b.at(k, column);
  if (s.half_sum) {
    EXPECT_EQ(harness.download<std::uint16_t>(c_data, c.values.size()), encoded(expected, false));
  } else {
    EXPECT_EQ(harness.download<float>(c_data, c.values.size()),
              std::vector<float>(expected.values.begin(), expected.values.end()));
  }
  const Counters counters = harness.device->counters();
  EXPECT_EQ(counters.at("tensor_flops"), 2u * s.m * s.n * 16);
  EXPECT_EQ(counters.at("global.read.bytes:b"), 16u * s.n * 2) << "registers that repeat others read nothing";
}

TEST(Wmma, WithoutAStrideRowsLieBehindEachOther) {
  std::vector<float> in(16 * 16);
  for (std::size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<float>(i);
  Harness harness;
  const DevicePtr from = harness.upload(in, "from"), to = harness.device->allocate(1024, "to");
  harness.launch(kernelText(".param .u64 from, .param .u64 to",
                            ".reg .f32 %f<8>; .reg .b64 %p<2>; ld.param.u64 %p0, [from]; ld.param.u64 %p1, [to];"
                            "wmma.load.c.sync.aligned.row.m16n16k16.global.f32 " +
                                list("%f", 8) + ", [%p0]; wmma.store.d.sync.aligned.col.m16n16k16.global.f32 [%p1], " +
                                list("%f", 8) + ";"),
                 "k", {1}, {32}, from, to);
  const auto got = harness.download<float>(to, 256);
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned column = 0; column < 16; ++column)
      ASSERT_EQ(got[column * 16 + row], in[row * 16 + column]);
}

TEST(Wmma, OutsideOfABufferIsAnError) {
  Harness harness;
  const DevicePtr from = harness.device->allocate(15 * 32, "from");
  const std::string ptx = kernelText(".param .u64 from", ".reg .b32 %r<8>; .reg .b64 %p; ld.param.u64 %p, [from]; "
                                                         "wmma.load.a.sync.aligned.row.m16n16k16.global.f16 " +
                                                             list("%r", 8) + ", [%p];");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {32}, from); }),
              testing::AllOf(testing::HasSubstr("lane 28"), testing::HasSubstr("stray read of 4 bytes"),
                             testing::HasSubstr("past the end of 'from'")));
}

TEST(Wmma, OtherTypesAreRefusedByName) {
  Harness harness;
  const auto load = [&](const std::string& statement) {
    return Harness::errorOf([&] {
      harness.device->load({Image::Kind::Ptx, kernelText("", ".reg .b32 %r<8>; .reg .b64 %p; " + statement)}, "k");
    });
  };
  EXPECT_THAT(load("wmma.load.a.sync.aligned.row.m16n16k16.global.s8 {%r0, %r1}, [%p];"),
              testing::HasSubstr("'wmma.load.a.sync.aligned.row.m16n16k16.global.s8' is not supported with this type"));
  EXPECT_THAT(load("wmma.load.a.sync.aligned.row.m16n16k8.global.tf32 {%r0, %r1, %r2, %r3}, [%p];"),
              testing::HasSubstr("is not supported with this shape"));
}

} // namespace
} // namespace attune::emulator
