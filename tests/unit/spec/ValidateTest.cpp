#include "attune/compiler/SpecJson.h"

#include "tests/support/Refusal.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace attune {
namespace {

using Edit = std::function<void(AttentionSpec&)>;

std::string refusalAfter(const Edit& edit) {
  AttentionSpec s;
  s.q_heads = 28;
  s.kv_heads = 4;
  s.head_dim = 128;
  edit(s);
  return refusal([&] { validate(s); });
}

TEST(Validate, EveryRuleNamesValueRuleAndRemedy) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<Edit, std::string>> cases = {
      {[](auto& s) { s.q_heads = 0; },
       "invalid: q_heads 0: there are 1 to 65535 q heads; give the number of query heads"},
      {[](auto& s) { s.q_heads = 65536; },
       "invalid: q_heads 65536: there are 1 to 65535 q heads; give the number of query heads"},
      {[](auto& s) { s.kv_heads = -1; }, "invalid: kv_heads -1: there is at least one kv head; give the number of "
                                         "key/value heads: that of the q heads if each has its own"},
      {[](auto& s) { s.kv_heads = 5; }, "invalid: 28 q heads on 5 kv heads: q_heads must be a multiple of kv_heads; "
                                        "use a kv_heads that divides 28, such as 4"},
      {[](auto& s) { s.kv_heads = 56; }, "invalid: 28 q heads on 56 kv heads: q_heads must be a multiple of kv_heads; "
                                         "use a kv_heads that divides 28, such as 28"},
      {[](auto& s) { s.head_dim = 0; },
       "invalid: head_dim 0: head dims are multiples of 8 from 8 to 256; give the number of elements of a head"},
      {[](auto& s) { s.head_dim = 12; },
       "unsupported: head_dim 12: head dims are multiples of 8 from 8 to 256; pad the tensors with zeros to 16"},
      {[](auto& s) { s.head_dim = 300; },
       "unsupported: head_dim 300: head dims are multiples of 8 from 8 to 256; use at most 256"},
      {[](auto& s) { s.head_dim_v = 264; },
       "unsupported: head_dim_v 264: head dims are multiples of 8 from 8 to 256; use at most 256"},
      {[](auto& s) { s.head_dim_v = -8; },
       "invalid: head_dim_v -8: head dims are multiples of 8 from 8 to 256; give the number of elements of a head"},
      {[](auto& s) { s.dtype = DType::E4M3, s.head_dim = 72; },
       "unsupported: head_dim 72: head dims are multiples of 16 from 16 to 256 where elements have 8 bits; pad the "
       "tensors with zeros to 80"},
      {[](auto& s) { s.window = {-1, -1}; }, // FlashAttention's "unlimited"
       "invalid: window.left -1: distances are inclusive: no query would see any key; leave a side out where it is "
       "unlimited"},
      {[](auto& s) { s.window.left = 1ll << 31; },
       "invalid: window.left 2147483648: distances are between -2^30 and 2^30; leave the side out if it is unlimited"},
      {[](auto& s) { s.window.right = -(1ll << 31); }, "invalid: window.right -2147483648: distances are between -2^30 "
                                                       "and 2^30; leave the side out if it is unlimited"},
      {[](auto& s) { s.chunk = 0; },
       "invalid: chunk 0: a chunk has 1 to 2^30 positions; leave it out for attention across chunks"},
      {[](auto& s) { s.prefix = -1; },
       "invalid: prefix -1: a prefix has 0 to 2^30 keys; leave it out if there is none"},
      {[](auto& s) { s.softcap = -1; },
       "invalid: softcap -1: the softcap is a positive fp32 number; leave it out, or 0, for none"},
      {[&](auto& s) { s.softcap = nan; },
       "invalid: softcap nan: the softcap is a positive fp32 number; leave it out, or 0, for none"},
      {[](auto& s) { s.softcap = 1e-60; },
       "invalid: softcap 1e-60: the softcap is a positive fp32 number; leave it out, or 0, for none"},
      {[](auto& s) { s.scale = 0; },
       "invalid: scale 0: the scale is a positive fp32 number; leave it out for 1/sqrt(head_dim)"},
      {[&](auto& s) { s.scale = inf; },
       "invalid: scale inf: the scale is a positive fp32 number; leave it out for 1/sqrt(head_dim)"},
      {[](auto& s) { s.scale = 1e39; },
       "invalid: scale 1e+39: the scale is a positive fp32 number; leave it out for 1/sqrt(head_dim)"},
      {[](auto& s) {
         s.varlen = true;
         s.layout = Layout::Bhsd;
       },
       "invalid: varlen with layout bhsd: packed sequences are (total, heads, dim); use layout bshd, or strided for "
       "other strides"},
      {[](auto& s) {
         s.mask = {"k <= q"};
         s.causal = Causal::BottomRight;
       },
       "invalid: mask together with causal, window, chunk or prefix: a custom mask stands alone; write all of it in "
       "'mask', one string per "
       "set of the union"},
      {[](auto& s) { s.mask = std::vector<std::string>(17, "k <= q"); },
       "unsupported: 17 mask sets: a union has at most 16 sets; merge sets"},
      {[](auto& s) {
         std::string text = "k <= q";
         for (int n = 0; n < 16; ++n)
           text += " and k > " + std::to_string(n);
         s.mask = {text};
       },
       "unsupported: mask \"k <= q and k > 0 and k > 1 and k > 2 and k > 3 and k > 4 and k > 5 and k > 6 and k > 7 and "
       "k > 8 and k > 9 and k > 10 "
       "and k > 11 and k > 12 and k > 13 and k > 14 and k > 15\": a set has at most 16 comparisons; drop those that "
       "others imply"},
  };
  for (const auto& [edit, message] : cases)
    EXPECT_EQ(refusalAfter(edit), message);
}

TEST(Validate, WhatLooksOddButIsLegal) {
  for (const Edit& edit : std::vector<Edit>{
           [](auto& s) { s.kv_heads = 28; },    // MHA
           [](auto& s) { s.kv_heads = 1; },     // MQA
           [](auto& s) { s.window = {-3, 5}; }, // sees none of the keys at its own position
           [](auto& s) { s.window = {0, -1}; }, // sees nothing at all
           [](auto& s) {
             s.causal = Causal::TopLeft;
             s.window.right = 100;
           }, // causal is the tighter one
           [](auto& s) { s.prefix = 0; },
           [](auto& s) {
             s.varlen = true;
             s.layout = Layout::Strided;
           },
       })
    EXPECT_EQ(refusalAfter(edit), "");
  for (int dim = 8; dim <= 256; dim += 8)
    EXPECT_EQ(refusalAfter([&](auto& s) { s.head_dim = dim, s.head_dim_v = 264 - dim; }), "");
}

} // namespace
} // namespace attune
