#include "autotune/cli/Words.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace attune::cli {

namespace {

std::string side(const std::optional<std::int64_t>& distance) {
  return distance ? fmt::to_string(*distance) : "unlimited";
}

} // namespace

std::string inWords(const AttentionSpec& s) {
  const bool one_dim = s.head_dim_v == 0 || s.head_dim_v == s.head_dim;
  std::string text = fmt::format("{}, head dim{}, {} query heads on {} key/value heads", dtypeName(s.dtype),
                                 one_dim ? fmt::format(" {}", s.head_dim)
                                         : fmt::format("s {} (Q, K) and {} (V)", s.head_dim, s.head_dim_v),
                                 s.q_heads, s.kv_heads);
  const auto add = [&](bool there, const std::string& what) { text += there ? ", " + what : ""; };
  add(s.varlen, "varlen");
  add(s.softcap > 0, fmt::format("softcap {}", s.softcap));
  add(s.alibi != Alibi::None, "ALiBi");
  add(s.sink, "sink");
  add(s.causal != Causal::None, s.causal == Causal::TopLeft ? "causal from the top left" : "causal");
  add(s.window.left || s.window.right, fmt::format("window {} to {}", side(s.window.left), side(s.window.right)));
  add(s.chunk.has_value(), fmt::format("chunks of {}", s.chunk.value_or(0)));
  add(s.prefix.has_value(), fmt::format("prefix {}", s.prefix.value_or(0)));
  add(!s.mask.empty(), fmt::format("visible: {}", fmt::join(s.mask, " or ")));
  return text;
}

KernelWords wordsOf(std::string_view kernel) {
  // Above the code, each line of the comment has one subject, after one that names the kernel.
  constexpr std::string_view inset = "//   ", mask = "visible: ", tile = "q_tile ";
  KernelWords words;
  while (!kernel.empty()) {
    const std::string_view line = kernel.substr(0, kernel.find('\n'));
    kernel.remove_prefix(std::min(line.size() + 1, kernel.size()));
    if (!line.starts_with(inset)) {
      if (!words.spec.empty())
        break;
      continue;
    }
    const std::string_view text = line.substr(inset.size());
    if (text.starts_with(tile))
      words.schedule = text;
    else if (text.starts_with(mask))
      words.spec.append("; ").append(text.substr(mask.size()));
    else
      words.spec.append(words.spec.empty() ? "" : "; ").append(text);
  }
  return words;
}

} // namespace attune::cli
