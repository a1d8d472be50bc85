#include "autotune/search/Surrogate.h"

#include <cmath>

namespace attune::autotune {

namespace {

// The usual errors of the model, as standard deviations of log(time): one factor for all candidates (a wrong clock),
// one per field, and one for combinations. fit() scales the last two.
constexpr double common = 3.0, per_field = 0.15, combined = 0.15;
constexpr double length = 0.8; ///< over which errors stay alike, in octaves

double covariance(const std::vector<double>& a, const std::vector<double>& b, double scale) {
  double sum = 0, distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = (a[i] - b[i]) / length;
    sum += std::exp(-d * d / 2);
    distance += d * d;
  }
  return common * common +
         scale * scale * (per_field * per_field * sum + combined * combined * std::exp(-distance / 2));
}

/// x with L x = b.
std::vector<double> solveLower(const std::vector<std::vector<double>>& lower, std::vector<double> b) {
  for (std::size_t i = 0; i < b.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      b[i] -= lower[i][j] * b[j];
    b[i] /= lower[i][i];
  }
  return b;
}

} // namespace

std::vector<double> coordinates(const Candidate& c) {
  std::vector<double> at;
  for (const Axis& axis : axes())
    at.push_back(std::log2(1.0 + axis.get(c.schedule)));
  at.push_back(std::log2(static_cast<double>(c.splits)));
  return at;
}

void Surrogate::add(std::vector<double> at, double log_predicted, double log_measured, double error) {
  points_.push_back({std::move(at), log_predicted, log_measured, error});
}

double Surrogate::likelihood(double trust, double scale) {
  const std::size_t n = points_.size();
  factor_.assign(n, std::vector<double>(n, 0));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = covariance(points_[i].at, points_[j].at, scale);
      if (i == j)
        sum += points_[i].error * points_[i].error + 1e-5;
      for (std::size_t k = 0; k < j; ++k)
        sum -= factor_[i][k] * factor_[j][k];
      factor_[i][j] = i == j ? std::sqrt(std::max(sum, 1e-9)) : sum / factor_[j][j];
    }
  std::vector<double> residuals(n);
  for (std::size_t i = 0; i < n; ++i)
    residuals[i] = points_[i].log_measured - trust * points_[i].log_predicted;
  whitened_ = solveLower(factor_, residuals);
  double value = 0;
  for (std::size_t i = 0; i < n; ++i)
    value -= whitened_[i] * whitened_[i] / 2 + std::log(factor_[i][i]);
  return value;
}

void Surrogate::fit() {
  double best = -1e300, trusted = 1, scaled = 1;
  for (const double trust : {1.0, 0.5, 0.0}) // a model that says nothing of this device is a constant
    for (const double scale : {0.6, 1.2, 2.4, 4.8}) {
      const double value = likelihood(trust, scale);
      if (value > best)
        best = value, trusted = trust, scaled = scale;
    }
  trust_ = trusted, scale_ = scaled;
  likelihood(trust_, scale_);
}

Surrogate::Open Surrogate::believe(std::vector<double> at, double log_predicted) const {
  std::vector<double> to(points_.size());
  for (std::size_t i = 0; i < points_.size(); ++i)
    to[i] = covariance(at, points_[i].at, scale_);
  Open open{.at = std::move(at), .belief = {}, .projection = solveLower(factor_, std::move(to))};
  double mean = trust_ * log_predicted, variance = covariance(open.at, open.at, scale_);
  for (std::size_t i = 0; i < points_.size(); ++i) {
    mean += open.projection[i] * whitened_[i];
    variance -= open.projection[i] * open.projection[i];
  }
  open.belief = {mean, std::sqrt(std::max(variance, 0.0))};
  return open;
}

void Surrogate::suppose(const Open& picked, std::vector<Open>& open) const {
  constexpr double noise = 4e-4; // 2 %
  const double pivot = std::sqrt(picked.belief.deviation * picked.belief.deviation + noise);
  for (Open& o : open) { // one more row of the factor
    double v = covariance(o.at, picked.at, scale_);
    for (std::size_t i = 0; i < picked.projection.size(); ++i)
      v -= o.projection[i] * picked.projection[i];
    o.projection.push_back(v / pivot);
    const double variance = o.belief.deviation * o.belief.deviation - v / pivot * (v / pivot);
    o.belief.deviation = std::sqrt(std::max(variance, 0.0));
  }
}

} // namespace attune::autotune
