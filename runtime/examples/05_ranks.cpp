// Two processes of one job: the first compiles, and the second gets the kernels through a pipe and never compiles.
// Between machines the same bytes travel by whatever the job broadcasts with.
#include <attune/attune.hpp>

#include "naive.h"

#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace attune;

const AttentionSpec spec{.q_heads = 8, .kv_heads = 2, .head_dim = 64, .causal = Causal::BottomRight};
const Problem problem{.batch = 1, .q_len = 1, .kv_len = 500};

int compileFor(int others) {
  Engine engine;
  engine.prepare(spec, problem);
  const std::string blob = engine.exportCache();
  for (std::size_t sent = 0; sent < blob.size();) {
    const ssize_t count = write(others, blob.data() + sent, blob.size() - sent);
    if (count <= 0)
      return 1;
    sent += static_cast<std::size_t>(count);
  }
  close(others);
  std::printf("rank 0 sent %zu bytes\n", blob.size());
  return 0;
}

int loadFrom(int first) {
  std::string blob;
  char part[4096];
  for (ssize_t count = 0; (count = read(first, part, sizeof part)) > 0;)
    blob.append(part, static_cast<std::size_t>(count));
  Engine engine(openDevice(), {.folder = ""}); // no cache of its own: what it has came from rank 0
  const std::size_t entries = engine.importCache(blob);

  const auto device = engine.sharedDevice();
  const auto q_host = example::randomBf16(8 * 64, 1), k_host = example::randomBf16(500 * 2 * 64, 2),
             v_host = example::randomBf16(500 * 2 * 64, 3);
  const Buffer q(device, Element::BF16, {1, 1, 8, 64}, std::as_bytes(std::span(q_host)), "q");
  const Buffer k(device, Element::BF16, {1, 500, 2, 64}, std::as_bytes(std::span(k_host)), "k");
  const Buffer v(device, Element::BF16, {1, 500, 2, 64}, std::as_bytes(std::span(v_host)), "v");
  const Buffer o(device, Element::BF16, {1, 1, 8, 64}, "o"), lse(device, Element::F32, {1, 8, 1}, "lse");
  const Plan plan = engine.prepare(spec, problem, {.mode = PrepareMode::CacheOnly}); // CacheMiss rather than a stall
  engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse});

  std::vector<std::uint16_t> result(8 * 64);
  o.copyTo(std::as_writable_bytes(std::span(result)));
  double worst = 0;
  for (std::size_t head = 0; head < 8; ++head) {
    const auto expected = example::attend({&q_host[head * 64], 8 * 64}, 0, {&k_host[head / 4 * 64], 2 * 64},
                                          {&v_host[head / 4 * 64], 2 * 64}, 0, 500, 64, 0.125);
    for (std::size_t c = 0; c < 64; ++c)
      worst = std::max(worst, std::abs(expected[c] - example::fromBf16(result[head * 64 + c])));
  }
  std::printf("rank 1 took %zu entries, compiled %d: max error %.4f\n", entries,
              static_cast<int>(engine.cacheCounters().compiles), worst);
  return worst < 2e-2 && engine.cacheCounters().compiles == 0 ? 0 : 1;
}

} // namespace

int main() {
  int ends[2];
  if (pipe(ends) != 0)
    return 1;
  const pid_t child = fork(); // before there is an engine: a CUDA context does not survive a fork
  if (child == 0) {
    close(ends[1]);
    return loadFrom(ends[0]);
  }
  close(ends[0]);
  const int compiled = compileFor(ends[1]);
  int status = 0;
  waitpid(child, &status, 0);
  return compiled + (WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
