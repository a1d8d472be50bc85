#include "attune/compiler/DefaultSchedule.h"

#include "compiler/spec/MaskText.h"
#include "compiler/spec/Nearest.h"
#include "compiler/spec/Refuse.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace attune {

namespace {

std::int64_t roundUp(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

constexpr const char* required[] = {"q_tile", "kv_tile", "warps", "stages", "pack_gqa", "split_kv"};
constexpr const char* roles[] = {"warp_specialized", "overlap", "ping_pong", "persistent", "cluster"};

} // namespace

std::string toText(const Schedule& s) {
  std::string text = fmt::format("q_tile={} kv_tile={} warps={} stages={} pack_gqa={} split_kv={}", s.q_tile, s.kv_tile,
                                 s.warps, s.stages, int{s.pack_gqa}, int{s.split_kv});
  if (s.warp_specialized)
    text += fmt::format(" warp_specialized=1 overlap={} ping_pong={} persistent={}", int{s.overlap}, int{s.ping_pong},
                        int{s.persistent});
  if (s.cluster != 1)
    text += fmt::format(" cluster={}", s.cluster);
  return text;
}

std::string inWords(const Schedule& s) {
  const auto count = [](int number, const char* noun) {
    return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
  };
  return fmt::format("q_tile {}, kv_tile {}, {}, {}{}{}{}{}{}", s.q_tile, s.kv_tile,
                     s.warp_specialized ? count(s.warps / 4, "consumer warpgroup") + " and a producer"
                                        : count(s.warps, "warp"),
                     count(s.stages, "stage"), s.overlap ? ", overlap" : "", s.ping_pong ? ", ping-pong" : "",
                     s.persistent ? ", persistent" : "",
                     s.cluster > 1 ? fmt::format(", clusters of {}", s.cluster) : "", s.pack_gqa ? ", packed GQA" : "");
}

Schedule scheduleFromText(std::string_view text) {
  std::vector<std::string> known(std::begin(required), std::end(required));
  known.insert(known.end(), std::begin(roles), std::end(roles));
  std::map<std::string, int> values;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const std::string_view item = text.substr(at, text.find(' ', at) - at);
    at += item.size();
    const std::size_t equals = item.find('=');
    const std::string name(item.substr(0, equals));
    if (std::ranges::find(known, name) == known.end())
      invalid("schedule field '" + name + "'", "a schedule has no such field", didYouMean(name, known));
    const std::string_view number = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
    int value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (number.empty() || error != std::errc() || end != number.data() + number.size())
      invalid("schedule field '" + std::string(item) + "'", "it must be name=integer", "write " + name + "=64");
    if (!values.emplace(name, value).second)
      invalid("schedule field '" + name + "'", "it appears twice", "drop one of them");
  }
  for (const std::string name : required)
    if (!values.contains(name))
      invalid("schedule \"" + std::string(text) + "\"", name + " is missing",
              fmt::format("write {}, such as \"{}\"; optional: {}, which are 0 (cluster 1) where not written; "
                          "`attune compile` prints the default in full",
                          fmt::join(required, ", "), toText({.warps = 8, .stages = 2}), fmt::join(roles, ", ")));
  for (const char* flag : {"pack_gqa", "split_kv", "warp_specialized", "overlap", "ping_pong", "persistent"})
    if (values[flag] != 0 && values[flag] != 1)
      invalid(fmt::format("{}={}", flag, values[flag]), "it is 0 or 1", "use 1 for yes");
  const Schedule s{.q_tile = values["q_tile"],
                   .kv_tile = values["kv_tile"],
                   .warps = values["warps"],
                   .stages = values["stages"],
                   .pack_gqa = values["pack_gqa"] != 0,
                   .split_kv = values["split_kv"] != 0,
                   .warp_specialized = values["warp_specialized"] != 0,
                   .overlap = values["overlap"] != 0,
                   .ping_pong = values["ping_pong"] != 0,
                   .persistent = values["persistent"] != 0,
                   .cluster = values.contains("cluster") ? values["cluster"] : 1};
  validate(s);
  return s;
}

void validate(const Schedule& s) {
  if (s.warps < 1 || s.warps > 16)
    invalid(fmt::format("warps={}", s.warps), "a block has 1 to 16 warps", "use 4");
  if (s.q_tile < 16 || s.q_tile > 512 || s.q_tile % (16 * s.warps) != 0)
    invalid(fmt::format("q_tile={}", s.q_tile), "each warp owns a multiple of 16 rows, and a block at most 512",
            fmt::format("use a multiple of {}", 16 * s.warps));
  if (s.kv_tile < 16 || s.kv_tile > 256 || s.kv_tile % 16 != 0)
    invalid(fmt::format("kv_tile={}", s.kv_tile), "it is a multiple of 16 up to 256", "use 64");
  if (s.stages < 1 || s.stages > 8)
    invalid(fmt::format("stages={}", s.stages), "a ring has 1 to 8 stages", "use 2");
  if (!s.warp_specialized && (s.overlap || s.ping_pong || s.persistent))
    invalid(s.overlap     ? "overlap=1"
            : s.ping_pong ? "ping_pong=1"
                          : "persistent=1",
            "it is about a kernel with roles", "add warp_specialized=1");
  if (s.warp_specialized && (s.warps % 4 != 0 || s.warps > 12))
    invalid(fmt::format("warps={}", s.warps), "one to three warpgroups of four warps compute", "use 4, 8 or 12");
  if (s.warp_specialized && s.stages < 2)
    invalid("stages=1", "a producer runs ahead of those who compute, in rings of 2 stages or more", "use 2");
  if (s.warp_specialized && s.q_tile != 16 * s.warps)
    invalid(fmt::format("q_tile={}", s.q_tile), "each warp of a warpgroup owns 16 rows",
            fmt::format("use {}", 16 * s.warps));
  if (s.persistent && s.split_kv)
    invalid("persistent=1", "chunks are blocks of their own, and short", "drop it, or split_kv=1");
  if (s.cluster != 1 && s.cluster != 2)
    invalid(fmt::format("cluster={}", s.cluster), "one block alone, or two that share K and V", "use 1 or 2");
  if (s.cluster != 1 && !s.warp_specialized)
    invalid("cluster=2", "it is about a kernel with roles", "add warp_specialized=1");
  if (s.cluster != 1 && s.split_kv)
    invalid("cluster=2", "blocks that are neighbours in a split grid have other keys", "drop it, or split_kv=1");
  if (s.cluster != 1 && s.persistent)
    invalid("cluster=2", "a persistent grid deals its pieces to single blocks", "drop it, or persistent=1");
  if (s.ping_pong && (s.warps < 8 || !s.overlap))
    invalid("ping_pong=1", "two or three warpgroups whose products overlap take turns", "use warps=8 overlap=1");
}

RoleRegisters roleRegisters(int warpgroups, bool persistent, bool transposes) {
  // A block has 65536 (FlashAttention-3): 128 x (24 + 2 x 240) or 128 x (32 + 3 x 160). One warpgroup beside the
  // producer has as many as a thread can name, and takes none. Transposing takes more than 24, and so do the divisions
  // that say what a piece is.
  if (warpgroups == 1)
    return {255, 255};
  if (warpgroups == 3)
    return {32, 160};
  return persistent || transposes ? RoleRegisters{40, 232} : RoleRegisters{24, 240};
}

std::int64_t sharedBytes(const AttentionSpec& spec, const Schedule& s) {
  return sharedBytes(spec.dtype, spec.head_dim, spec.head_dim_v ? spec.head_dim_v : spec.head_dim, s);
}

std::int64_t sharedBytes(DType dtype, std::int64_t head_dim, std::int64_t head_dim_v, const Schedule& s) {
  const std::int64_t panel = s.warp_specialized ? 32 : 16; // columns: the narrowest TMA box, or a k step
  const bool bytes = dtype == DType::E4M3;
  const std::int64_t element = bytes ? 1 : 2;
  const std::int64_t d = roundUp(head_dim, panel), dv = roundUp(head_dim_v, panel);
  const std::int64_t q = element * s.q_tile * d, o = s.split_kv ? 0 : std::int64_t{2} * s.q_tile * dv;
  const std::int64_t ring = element * s.stages * s.kv_tile * (d + dv + (bytes ? dv : 0));
  if (!s.warp_specialized)
    return std::max(q, o) + ring;
  // Other warpgroups may still read K and V: O fits in Q's place or has its own, which it needs beside the next piece's
  // Q. A stage has a barrier for each event of K and V, and some more for V of tiles that the mask cuts; Q has two.
  const std::int64_t barriers = std::int64_t{s.stages} * 8 * 8 + 24;
  return q + (o > q || s.persistent ? o : 0) + ring + barriers;
}

ConsumerRegisters consumerRegisters(const AttentionSpec& spec, const Schedule& s) {
  const bool bytes = spec.dtype == DType::E4M3;
  const int head_dim_v = spec.head_dim_v ? spec.head_dim_v : spec.head_dim;
  // Of 16 rows per warp each thread has half a row. Weights take half a register, or a quarter; beside the next scores
  // all of them are alive, else half while the scores turn into them.
  const int out = static_cast<int>(roundUp(head_dim_v, 32)) / 2, scores = s.kv_tile / 2;
  const int weights = scores / (bytes ? 4 : 2) / (s.overlap ? 1 : 2);
  return {out + scores + weights + 28, roleRegisters(s.warps / 4, s.persistent, bytes).consumers};
}

namespace {

bool hasManyTerms(const AttentionSpec& spec) { return spec.prefix || spec.chunk || !spec.mask.empty(); }

/// What a softcap, slopes and terms of a mask keep in registers beside the scores. Key tiles of 8 bits are so long that
/// it shows: as many as it takes for nothing to spill, of all that was tried (tests/nvrtc).
int besideScores(const AttentionSpec& spec, const Schedule& s) {
  if (spec.dtype != DType::E4M3)
    return 0;
  const bool slopes_of_packed_heads = spec.alibi != Alibi::None && s.pack_gqa;
  const int softcap = spec.softcap == 0 ? 0 : slopes_of_packed_heads ? 40 : 16;
  return softcap + (hasManyTerms(spec) ? 48 : 0);
}

/// Do the registers suffice, with some for a mask in words? What its comparisons make of a key ptxas computes for many
/// keys at once: six of them, with divisions, spilled where 44 registers were left and not where 68 were. Few masks
/// need as many, so this guides a choice and refuses nothing.
bool roomy(const AttentionSpec& spec, const Schedule& s) {
  int comparisons = 0;
  for (const std::string& set : spec.mask)
    comparisons += static_cast<int>(parseMask(set).size());
  const auto [needed, available] = consumerRegisters(spec, s);
  return needed + 10 * std::max(comparisons - 1, 0) + besideScores(spec, s) <= available;
}

/// Where blocks stay for several tiles of rows, Q and K of the next fly beside the last product and the store of this
/// one: for many rows, if O has room of its own. Sequences of unknown lengths are better dealt out by the hardware,
/// which gives the next tile to who is done. ALiBi and a mask of many terms leave no registers for a loop around,
/// nor does a softcap of packed rows beside tiles of 8 bits.
bool staysForMore(const AttentionSpec& spec, const Target& target, Schedule s, std::int64_t rows) {
  s.persistent = true;
  const bool cramped = (spec.alibi != Alibi::None && hasManyTerms(spec)) ||
                       (spec.softcap != 0 && s.pack_gqa && spec.dtype == DType::E4M3);
  return rows > 64 && !s.split_kv && !spec.varlen && !cramped && roomy(spec, s) &&
         sharedBytes(spec, s) <= target.shared_per_block;
}

/// Roles, for targets with wgmma. Tiles are FlashAttention-3's (hopper/tile_size.h) as far as the registers of RS
/// products allow; few rows take 64, the least that wgmma has, and as many stages as fit.
Schedule specialized(const AttentionSpec& spec, const Target& target, Schedule s, std::int64_t rows) {
  const int widest = std::max(spec.head_dim, spec.head_dim_v);
  // Three warpgroups have 160 registers per thread, two 240. Masks of many terms and softcap take some.
  const bool plain = spec.softcap == 0 && !hasManyTerms(spec);
  s.warp_specialized = true;
  s.overlap = true;
  const bool bytes = spec.dtype == DType::E4M3; // keys go 32 at a time, and take half the memory
  // Beside three warpgroups a producer has 32 registers: transposing V, and knowing its pieces, takes more.
  s.warps = rows <= 64 ? 4 : widest <= 64 && plain && !bytes ? 12 : 8;
  s.q_tile = 16 * s.warps;
  s.ping_pong = s.warps > 4 && widest <= 128;
  s.kv_tile = rows <= 64 ? 64 : widest <= 128 ? 128 : widest <= 192 ? 112 : 80;
  if (bytes)
    s.kv_tile = rows <= 64 ? 128 : widest <= 128 ? 160 : 128;
  s.stages = 2;
  while (s.kv_tile > 32 && !(roomy(spec, s) && sharedBytes(spec, s) <= target.shared_per_block))
    s.kv_tile -= bytes ? 32 : 16;
  if (rows <= 64) // a memory-bound kernel wants bytes in flight
    for (Schedule more = s; more.stages < 8; s = more) {
      ++more.stages;
      if (sharedBytes(spec, more) > target.shared_per_block)
        break;
    }
  s.persistent = staysForMore(spec, target, s, rows);
  return s;
}

/// Keys of a portable tile: 64, or as many as ptxas finds registers for. Beyond head dim 128 the addresses of what a
/// thread copies take those of scores: eight warps share the copies, of four each makes twice as many; packed rows have
/// more of them, and a tile that is not whole panels of 64 columns has most.
int portableKeys(const AttentionSpec& spec, const Schedule& s) {
  const int widest = std::max(spec.head_dim, spec.head_dim_v);
  const auto ragged = [](int dim) { return (dim + 15) / 16 * 16 % 64 != 0; };
  const bool cut_panels = ragged(spec.head_dim) || ragged(spec.head_dim_v);
  if (widest <= 128)
    return 64;
  if (s.warps == 8)
    return cut_panels && widest > 224 ? 48 : 64;
  if (cut_panels)
    return widest > (s.pack_gqa ? 176 : 224) ? 16 : 32;
  return s.pack_gqa && widest > 192 ? 32 : 64;
}

} // namespace

Schedule defaultSchedule(const AttentionSpec& spec, const Target& target, std::int64_t q_len, bool split_kv) {
  const int group = spec.q_heads / spec.kv_heads;
  const int widest = std::max(spec.head_dim, spec.head_dim_v);
  checkSupported(spec.dtype, target);
  Schedule s;
  s.split_kv = split_kv;
  // Few queries: the q heads of a kv head share its keys, so that K and V are read once. 32 queries fill tiles on their
  // own.
  s.pack_gqa = group > 1 && q_len <= 32;
  const std::int64_t rows = s.pack_gqa ? q_len * group : q_len;
  // Below 64 columns a box of TMA and a k step of wgmma are mostly padding.
  if (spec.dtype == DType::E4M3)
    return specialized(spec, target, s, rows);
  if (target.wgmma && std::min(spec.head_dim, spec.head_dim_v ? spec.head_dim_v : spec.head_dim) >= 64)
    return specialized(spec, target, s, rows);

  // Four warps of 16 rows fill a block when there are few rows: a single warp would issue all copies of a key tile
  // itself, which unrolls into more code and addresses than its registers hold. Many rows share each key tile: up to
  // head dim 64 a warp has registers for 32 of them, from there on for 16. (Eight warps at head dim 64 are no choice:
  // ptxas then aims for 128 registers and spills.)
  s.q_tile = rows <= 64 ? 64 : 128;
  s.warps = rows <= 64 || widest <= 64 ? 4 : 8;
  s.kv_tile = portableKeys(spec, s);

  // As many stages as leave two blocks per multiprocessor; a memory-bound kernel wants bytes in flight, others little
  // more than one tile.
  const int most_stages = rows <= 64 ? 4 : 2;
  s.stages = 1;
  while (s.stages < most_stages) {
    Schedule more = s;
    ++more.stages;
    const std::int64_t bytes = sharedBytes(spec, more);
    if (bytes > target.shared_per_block || (more.stages > 2 && 2 * bytes > target.shared_per_multiprocessor))
      break;
    s = more;
  }
  while (s.kv_tile > 16 && sharedBytes(spec, s) > target.shared_per_block)
    s.kv_tile -= 16;
  return s;
}

} // namespace attune
