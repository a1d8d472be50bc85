#pragma once

#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] attune {

/// The tuner's choice for one kernel. Text form: "q_tile=128 kv_tile=64 warps=4 stages=1 pack_gqa=0 split_kv=0", and
/// " warp_specialized=1 overlap=1 ping_pong=1 persistent=1" behind it for a kernel with roles, with
/// " cluster=2" if it has clusters.
struct Schedule {
  int q_tile = 128;      ///< rows of one block: queries, or (query, head of the group) pairs when pack_gqa
  int kv_tile = 64;      ///< keys of one tile
  int warps = 4;         ///< that compute; each owns q_tile / warps rows, a multiple of 16
  int stages = 1;        ///< slots of the K ring and of the V ring
  bool pack_gqa = false; ///< one block serves all q heads of a kv head
  bool split_kv =
      false; ///< a partial kernel over chunks of the keys, and a combine kernel; the count is a launch argument
  /// Roles, on targets with wgmma: a producer copies K and V by TMA, and warpgroups of four of `warps`, 16 rows per
  /// warp, compute.
  bool warp_specialized = false;
  bool overlap = false;    ///< S(j) = Q K(j)^T runs beside P(j + 1) V(j + 1), which runs on beside the softmax of S(j)
  bool ping_pong = false;  ///< warpgroups take turns: one's products run beside another's softmax
  bool persistent = false; ///< as many blocks as multiprocessors take turns at tiles of rows, the longest first
  /// Blocks that run together on tiles of rows that are neighbours, and visit the same key tiles: each copies its part
  /// of K and V to all of them. 1: blocks on their own.
  int cluster = 1;
};

std::string toText(const Schedule& schedule);
/// "q_tile 128, kv_tile 64, 4 warps, 1 stage, packed GQA": for people, as in the comment above a kernel.
std::string inWords(const Schedule& schedule);
/// Throws UserError for an unknown or missing field or a value that breaks a rule. Fields of roles may be missing: 0.
Schedule scheduleFromText(std::string_view text);
/// Throws UserError if a value breaks a rule, or two break one together.
void validate(const Schedule& schedule);

} // namespace attune
