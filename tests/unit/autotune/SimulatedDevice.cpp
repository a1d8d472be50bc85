#include "tests/unit/autotune/SimulatedDevice.h"

#include "autotune/search/Surrogate.h"

#include <algorithm>
#include <cmath>

namespace attune::autotune {

SimulatedDevice::SimulatedDevice(const AttentionSpec& spec, const Problem& problem, const Machine& machine,
                                 Surface surface, std::uint64_t seed)
    : spec_(spec), problem_(problem), machine_(machine), surface_(surface), seed_(seed), noise_(seed) {
  std::uint64_t key = 1;
  Figures& f = machine_.figures;
  for (double* figure :
       {&f.clock_ghz, &f.tensor_flops, &f.sfu_ops, &f.shared_wavefronts, &f.instructions, &f.l2_gbytes_per_s,
        &f.memory_gbytes_per_s, &f.memory_latency_us, &f.l2_latency_us, &f.launch_us, &f.next_launch_us})
    *figure *= std::exp(effect(key++, 0.25));
}

double SimulatedDevice::effect(std::uint64_t key, double size) const {
  const auto [known, is_new] = effects_.try_emplace(key);
  if (is_new) {
    std::mt19937_64 random(seed_ * 0x9e3779b97f4a7c15u + key);
    random.discard(4);
    known->second = std::normal_distribution<double>()(random);
  }
  return size * known->second;
}

double SimulatedDevice::truth(const Candidate& candidate) const {
  const std::vector<double> at = coordinates(candidate);
  std::vector<std::uint64_t> cell; // the field's value, rounded to an octave: neighbours differ by one step
  for (const double x : at)
    cell.push_back(static_cast<std::uint64_t>(std::lround(x)));
  double log_time = 0;
  if (surface_ == Surface::Foreign) {
    log_time = std::log(scale_);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double centre = (i < 2 ? 5.5 : i < 4 ? 1.5 : i < 6 ? 0.5 : 2.5) + effect(100 + i, i < 4 ? 0.7 : 0.4);
      log_time += 0.08 * (at[i] - centre) * (at[i] - centre);
      for (std::size_t j = 0; j < i; ++j)
        log_time += effect(1000 + i * 50 + j, 0.02) * (at[i] - centre) * std::tanh(at[j] - 2);
    }
    return std::exp(log_time);
  }
  const double modelled = predict(spec_, problem_, candidate, machine_).us;
  if (surface_ == Surface::Figures)
    return modelled;
  const double size = surface_ == Surface::Rugged ? 1.5 : 1;
  log_time = std::log(modelled);
  for (std::size_t i = 0; i < at.size(); ++i) {
    log_time += effect(1000 * (i + 1) + cell[i], 0.06 * size);
    for (std::size_t j = 0; j < i; ++j)
      log_time += effect(1000000 + ((i * 50 + j) * 64 + cell[i]) * 64 + cell[j], 0.02 * size);
  }
  if (surface_ == Surface::Rugged)
    log_time += effect(std::hash<std::string>{}(toText(candidate)), 0.01);
  return std::exp(log_time);
}

std::vector<double> SimulatedDevice::time(const Candidate& candidate, int samples) {
  ++calls;
  std::vector<double> times;
  const double clock = 1 + 0.08 * std::min(1.0, calls / 40.0);
  for (int i = 0; i < samples; ++i) {
    double t = truth(candidate) * clock * (1 + std::normal_distribution<double>(0, 0.01)(noise_));
    if (std::uniform_int_distribution<int>(0, 19)(noise_) == 0)
      t *= 1 + std::uniform_real_distribution<double>(0, 1)(noise_);
    times.push_back(t);
  }
  return times;
}

} // namespace attune::autotune
