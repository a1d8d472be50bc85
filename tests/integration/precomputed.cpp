// A host that links the installed library: it runs what `attune precompute` left in the cache, and compiles nothing.
// usage: precomputed SPEC Q_LEN KV_LEN SCHEDULE
#include <attune/attune.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace attune;

Buffer ones(const std::shared_ptr<Device>& device, std::vector<std::int64_t> shape, std::string_view name) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape)
    count *= static_cast<std::size_t>(extent);
  const std::vector<std::uint16_t> host(count, 0x3f80); // bf16
  return {device, Element::BF16, std::move(shape), std::as_bytes(std::span(host)), name};
}

int failed(const char* what, const std::string& got) {
  std::printf("%s: %s\n", what, got.c_str());
  return 1;
}

} // namespace

int main(int, char** words) {
  const AttentionSpec spec = specFromJson(words[1]);
  const Problem problem{.q_len = std::atoll(words[2]), .kv_len = std::atoll(words[3])};
  Engine engine(openDevice("emulated"));
  const Plan plan = engine.prepare(spec, problem, {.mode = PrepareMode::CacheOnly});
  if (toText(plan.schedule()) != words[4])
    return failed("not the schedule that was recorded", toText(plan.schedule()));

  const auto device = engine.sharedDevice();
  const Buffer q = ones(device, {1, problem.q_len, spec.q_heads, spec.head_dim}, "q");
  const Buffer k = ones(device, {1, problem.kv_len, spec.kv_heads, spec.head_dim}, "k");
  const Buffer v = ones(device, {1, problem.kv_len, spec.kv_heads, spec.head_dim}, "v");
  const Buffer o(device, Element::BF16, {1, problem.q_len, spec.q_heads, spec.head_dim}, "o");
  const Buffer lse(device, Element::F32, {1, spec.q_heads, problem.q_len}, "lse");
  engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});
  std::vector<std::uint16_t> result(o.bytes() / 2);
  o.copyTo(std::as_writable_bytes(std::span(result)));
  if (!std::ranges::all_of(result, [](std::uint16_t bits) { return bits == 0x3f80; })) // a mean of ones
    return failed("wrong result", std::to_string(result[0]));

  const CacheCounters counters = engine.cacheCounters();
  if (counters.compiles != 0 || counters.loads == 0)
    return failed("compiled", std::to_string(counters.compiles));
  const Plan untuned = Engine(device, costModel(), {.folder = ""}).prepare(spec, problem);
  if (toText(untuned.schedule()) == words[4])
    return failed("the model chooses the same without a record", words[4]);
  return 0;
}
