#pragma once

#include "autotune/Vocabulary.h"

#include <cstddef>
#include <vector>

namespace attune::autotune {

/// Where a candidate lies: log2 of each schedule field, and of the chunk count.
std::vector<double> coordinates(const Candidate& candidate);

/// What measurements say of candidates that were not measured: a Gaussian process over log(measured / predicted).
/// Neighbours in the space err alike, so each measurement corrects the model around it.
class Surrogate {
public:
  struct Belief {
    double mean = 0; ///< of log(time / us)
    double deviation = 0;
  };
  /// A candidate that was not measured, and what is believed of it.
  struct Open {
    std::vector<double> at;
    Belief belief;
    std::vector<double> projection; ///< of its covariances onto the measurements: what keeps refinement cheap
  };

  /// `log_predicted` is log of the model's prediction, `error` the relative standard error of the time.
  void add(std::vector<double> at, double log_predicted, double log_measured, double error);
  /// Chooses the trust in the model and the scale of its errors that make the measurements
  /// most likely. To be called after add(), before believe().
  void fit();
  Open believe(std::vector<double> at, double log_predicted) const;
  /// As if `picked` had been measured as believed: the means stay, and its neighbours are less uncertain.
  void suppose(const Open& picked, std::vector<Open>& open) const;
  std::size_t size() const { return points_.size(); }

private:
  struct Point {
    std::vector<double> at;
    double log_predicted, log_measured, error;
  };
  double likelihood(double trust, double scale);

  std::vector<Point> points_;
  double trust_ = 1;                        ///< in the model: the process is over log(measured / predicted^trust)
  double scale_ = 1;                        ///< standard deviation of the model's errors, over the usual one
  std::vector<std::vector<double>> factor_; ///< Cholesky factor of the covariance, lower
  std::vector<double> whitened_;            ///< factor^-1 residuals
};

} // namespace attune::autotune
