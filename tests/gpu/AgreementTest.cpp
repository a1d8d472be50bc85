// The same kernels on a GPU and on the emulated device. PTX fixes neither the order in which mma adds nor the last bits
// of ex2.approx, so they agree within the rounding of P and O. Where the GPU is an emulated device too, with another
// seed, they agree in every bit, if the kernel has no sum of a product that PTX leaves open to fusion, as those with
// softcap, ALiBi or a sink have.
#include "tests/support/Harness.h"

#include "runtime/emulator/EmulatedDevice.h"
#include "runtime/support/FewMultiprocessors.h"

#include <cmath>
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

namespace attune::test {
namespace {

struct Named {
  const char* name;
  Case c;
};

std::vector<Named> cases() {
  using reference::Lengths;
  std::vector<Named> all;
  for (const int head_dim : {64, 128, 256}) {
    Case c{.spec = gqaSpec(head_dim), .lengths = Lengths::dense(2, 140, 300)};
    all.push_back({"full", c});
    c.spec.causal = Causal::BottomRight;
    all.push_back({"causal", c});
  }
  Case c{.spec = gqaSpec(128), .lengths = Lengths::dense(1, 300, 300)};
  c.spec.causal = Causal::BottomRight;
  c.spec.window.left = 70;
  all.push_back({"window", c});
  c.spec.window.left.reset();
  c.spec.softcap = 50;
  c.spec.alibi = Alibi::PerHead;
  c.spec.sink = true;
  all.push_back({"softcap, ALiBi and sink", c});
  c = {.spec = gqaSpec(128), .lengths = Lengths::dense(2, 1, 2000), .splits = 4};
  all.push_back({"split decode", c});
  c = {.spec = gqaSpec(64), .lengths = {{0, 100, 100, 350}, {0, 130, 200, 600}}};
  c.spec.varlen = true;
  all.push_back({"varlen", c});
  return all;
}

DeviceProperties properties() {
  const char* name = std::getenv("ATTUNE_TEST_DEVICE");
  return openDevice(name ? name : "auto")->properties();
}

bool close(float a, float b, float relative, float absolute) {
  if (std::isnan(a) || std::isnan(b) || std::isinf(a) || std::isinf(b))
    return a == b || (std::isnan(a) && std::isnan(b));
  return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b)) + absolute;
}

/// Where two results differ by more, or nothing.
std::string difference(const std::vector<float>& a, const std::vector<float>& b, float relative, float absolute) {
  for (std::size_t n = 0; n < a.size(); ++n)
    if (!close(a[n], b[n], relative, absolute))
      return std::to_string(a[n]) + " and " + std::to_string(b[n]) + " at " + std::to_string(n);
  return a.size() == b.size() ? "" : "sizes differ";
}

TEST(Agreement, OfTheDeviceAndTheEmulatedOne) {
  const DeviceProperties here_is = properties();
  for (auto& [name, c] : cases()) {
    const bool same_bits = here_is.emulated && c.spec.softcap == 0 && c.spec.alibi == Alibi::None && !c.spec.sink;
    SCOPED_TRACE(std::string(name) + ": " + describe(c));
    const reference::Tensors tensors = tensorsOf(c);
    const Result here = run(c, tensors);
    const Result emulated =
        runOn(std::make_shared<FewMultiprocessors>(emulator::makeEmulatedDevice({.target = testTarget(), .seed = 77}),
                                                   here_is.multiprocessors),
              c, tensors);
    ASSERT_EQ(here.splits, emulated.splits); // of the same kernels
    constexpr float bf16_ulp = 0x1p-8f;
    EXPECT_EQ(difference(here.o, emulated.o, same_bits ? 0 : 2 * bf16_ulp, same_bits ? 0 : 2e-3f), "");
    EXPECT_EQ(difference(here.lse, emulated.lse, 0, same_bits ? 0 : 1e-4f), "");
  }
}

} // namespace
} // namespace attune::test
