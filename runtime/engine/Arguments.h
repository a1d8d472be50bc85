#pragma once

#include "attune/attune.hpp"
#include "attune/compiler/Manifest.h"
#include "runtime/engine/TensorChecks.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace attune {

/// A tensor as kernels take it: gl<T, D>.
struct GlobalTensor {
  DevicePtr data = 0;
  std::int64_t batch = 0, row = 0, head = 0; ///< strides in elements
};

/// The values that kernel parameters can have, by name.
enum class Value : std::uint8_t {
  Q,
  K,
  V,
  O,
  Lse,
  OPartial,
  LsePartial,
  CuSeqlensQ,
  CuSeqlensK,
  AlibiSlopes,
  Sink,
  QDescale,
  KDescale,
  VDescale,
  Sq,
  Sk,
  Scale,
  Splits,
  SplitTiles,
  QTiles,
  Heads,
  Section,
};

/// Where a kernel parameter gets its value from: found once, when a kernel is loaded.
struct BoundParameter {
  Value value;
  int box_rows = 0, box_columns = 0; ///< of a tensor map; 0: it is none
};

/// Throws InternalError for a parameter that nobody knows.
std::vector<BoundParameter> bind(const Manifest& manifest);

/// The arguments of one launch: the caller's tensors, checked against spec and problem, as values of kernel parameters.
/// It allocates nothing.
class Arguments {
public:
  static constexpr std::size_t most = 24;     ///< parameters of a kernel
  static constexpr std::size_t most_maps = 4; ///< tensor maps of a launch

  /// Throws UserError: value, rule, remedy.
  Arguments(const AttentionSpec& spec, const Problem& problem, const Tensors& tensors, Device& device);

  /// Queries of the longest sequence that this launch may have.
  std::int64_t queries() const { return spec_.varlen ? problem_.q_len : q_len_; }

  void setWorkspace(DevicePtr o_partial, DevicePtr lse_partial);
  void setSplits(int splits, std::int64_t split_tiles);
  /// What the blocks of a persistent grid share.
  void setPieces(const Schedule& schedule);

  /// Pointers to the values, in order; they live as long as this object, and until the next call.
  std::span<void* const> of(std::span<const BoundParameter> parameters);

private:
  std::int64_t length(std::string_view name, const Tensor& tensor, std::int64_t most_positions) const;
  GlobalTensor attention(std::string_view name, const Tensor& tensor, std::int64_t length, int heads, int head_dim,
                         bool output) const;
  GlobalTensor lse(const Tensor& tensor) const;
  DevicePtr vector(std::string_view name, const Tensor& tensor, Element element,
                   std::initializer_list<std::int64_t> shape) const;
  void* address(Value value);
  void* map(const BoundParameter& parameter);

  const AttentionSpec& spec_;
  const Problem& problem_;
  Device& device_;
  int head_dim_v_;
  std::int64_t q_len_ = 0, kv_len_ = 0;
  GlobalTensor q_, k_, v_, o_, lse_, o_partial_, lse_partial_;
  DevicePtr cu_seqlens_q_ = 0, cu_seqlens_k_ = 0, alibi_slopes_ = 0, sink_ = 0;
  DevicePtr q_descale_ = 0, k_descale_ = 0, v_descale_ = 0;
  std::int32_t sq_ = 0, sk_ = 0, splits_ = 1, split_tiles_ = 0;
  std::int32_t q_tiles_ = 0, heads_ = 0, section_ = 0;
  float scale_ = 0;
  std::array<void*, most> pointers_;
  std::size_t map_count_ = 0;
  std::array<TensorMap, most_maps> maps_;
};

} // namespace attune
