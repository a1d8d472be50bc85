#include "runtime/capi/Convert.h"

namespace attune::capi {

namespace {

/// DLPack's codes: 0 int, 2 float, 4 bfloat, 10 float8_e4m3fn.
Element element(std::string_view name, const attune_tensor& t) {
  if (t.dtype_lanes == 1) {
    if (t.dtype_code == 4 && t.dtype_bits == 16)
      return Element::BF16;
    if (t.dtype_code == 2 && t.dtype_bits == 16)
      return Element::F16;
    if (t.dtype_code == 2 && t.dtype_bits == 32)
      return Element::F32;
    if (t.dtype_code == 0 && t.dtype_bits == 32)
      return Element::I32;
    if (t.dtype_code == 10 && t.dtype_bits == 8)
      return Element::E4M3;
  }
  throw UserError(UserError::Kind::Invalid,
                  std::string(name) + " of DLPack type code " + std::to_string(t.dtype_code) + ", " +
                      std::to_string(t.dtype_bits) + " bits, " + std::to_string(t.dtype_lanes) + " lanes",
                  "it is bf16 (4, 16), fp16 (2, 16), fp8_e4m3 (10, 8), fp32 (2, 32) or int32 (0, 32), of one lane",
                  "convert it");
}

} // namespace

PrepareMode mode(std::int32_t given) {
  switch (given) {
  case ATTUNE_BLOCKING:
    return PrepareMode::Blocking;
  case ATTUNE_CACHE_ONLY:
    return PrepareMode::CacheOnly;
  case ATTUNE_BACKGROUND:
    return PrepareMode::Background;
  default:
    throw UserError(UserError::Kind::Invalid, "attune_plan_options.mode " + std::to_string(given),
                    "it is one of attune_mode", "use ATTUNE_BLOCKING, ATTUNE_CACHE_ONLY or ATTUNE_BACKGROUND");
  }
}

Tensor tensor(std::string_view name, const attune_tensor* given) {
  if (given == nullptr)
    return {};
  if (given->ndim < 0 || given->ndim > 8 || (given->ndim > 0 && given->shape == nullptr))
    throw UserError(UserError::Kind::Invalid,
                    std::string(name) + " with " + std::to_string(given->ndim) + " dimensions", "it has a shape",
                    "set ndim and shape");
  Tensor t{.data = reinterpret_cast<DevicePtr>(given->data) + given->byte_offset, .element = element(name, *given)};
  t.shape.assign(given->shape, given->shape + given->ndim);
  if (given->strides)
    t.strides.assign(given->strides, given->strides + given->ndim);
  return t;
}

} // namespace attune::capi
