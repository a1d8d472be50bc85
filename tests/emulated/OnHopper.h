#pragma once

#include "tests/support/Harness.h"

#include <gtest/gtest.h>

namespace attune::test {

/// A fixture of tests about kernels that sm_90a alone has: on another device they are skipped.
template <class Base>
struct OnHopper : Base {
  void SetUp() override {
    if (testTarget() != "sm_90a")
      GTEST_SKIP() << "these kernels are for sm_90a, and this is " << testTarget();
  }
};

} // namespace attune::test
