#pragma once

#include "attune/attune.hpp"
#include "runtime/emulator/EmulatedDevice.h"
#include "tests/support/Refusal.h"
#include "tests/support/TemporaryFolder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace attune {

/// An engine on the emulated device, with a cache of its own.
class EngineTest : public testing::Test {
protected:
  CacheOptions cache() {
    return {.folder = (folder / "cache").string(),
            .warn = [this](std::string_view text) { warnings.emplace_back(text); }};
  }
  static AttentionSpec small(int head_dim = 16) {
    return {.q_heads = 2, .kv_heads = 1, .head_dim = head_dim, .causal = Causal::BottomRight};
  }

  const TemporaryFolder folder;
  std::vector<std::string> warnings;
  const std::shared_ptr<Device> device = emulator::makeEmulatedDevice({.threads = 1, .counters = false});
};

/// Buffers for one launch, O full of a pattern.
struct Launchable {
  Launchable(const std::shared_ptr<Device>& device, const AttentionSpec& spec, std::int64_t batch, std::int64_t q_len,
             std::int64_t kv_len)
      : q_host(host(batch * q_len * spec.q_heads * spec.head_dim, 0x3c00)),
        k_host(host(batch * kv_len * spec.kv_heads * spec.head_dim, 0x3c00)), v_host(k_host.size(), one),
        q(device, Element::BF16, {batch, q_len, spec.q_heads, spec.head_dim}, std::as_bytes(std::span(q_host)), "q"),
        k(device, Element::BF16, {batch, kv_len, spec.kv_heads, spec.head_dim}, std::as_bytes(std::span(k_host)), "k"),
        v(device, Element::BF16, {batch, kv_len, spec.kv_heads, spec.head_dim}, std::as_bytes(std::span(v_host)), "v"),
        o(device, Element::BF16, {batch, q_len, spec.q_heads, spec.head_dim}, "o"),
        lse(device, Element::F32, {batch, spec.q_heads, q_len}, "lse") {}

  Tensors tensors() const { return {.q = q, .k = k, .v = v, .o = o, .lse = lse}; }
  /// V is all ones, so O is too, wherever a row sees a key.
  bool right() const {
    std::vector<std::uint16_t> host(o.bytes() / 2);
    o.copyTo(std::as_writable_bytes(std::span(host)));
    return std::ranges::all_of(host, [](std::uint16_t bits) { return bits == one; });
  }

private:
  static constexpr std::uint16_t one = 0x3f80; // bf16
  static std::vector<std::uint16_t> host(std::int64_t count, std::uint16_t bits) {
    return std::vector<std::uint16_t>(static_cast<std::size_t>(count), bits);
  }
  std::vector<std::uint16_t> q_host, k_host, v_host;

public:
  Buffer q, k, v, o, lse;
};

} // namespace attune
