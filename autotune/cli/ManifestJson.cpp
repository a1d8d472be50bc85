#include "autotune/cli/ManifestJson.h"

#include <nlohmann/json.hpp>

namespace attune::cli {

using nlohmann::json;

namespace {

const char* nameOf(Parameter::Kind kind) {
  switch (kind) {
  case Parameter::Kind::Tensor:
    return "tensor";
  case Parameter::Kind::TensorMap:
    return "tensor_map";
  case Parameter::Kind::Pointer:
    return "pointer";
  case Parameter::Kind::I32:
    return "i32";
  case Parameter::Kind::F32:
    return "f32";
  }
  return "";
}

const char* nameOf(GridTerm term) {
  switch (term) {
  case GridTerm::QTiles:
    return "q_tiles";
  case GridTerm::Splits:
    return "splits";
  case GridTerm::QHeads:
    return "q_heads";
  case GridTerm::KvHeads:
    return "kv_heads";
  case GridTerm::Batch:
    return "batch";
  case GridTerm::QRowBlocks:
    return "q_row_blocks";
  }
  return "";
}

json toJson(const Parameter& parameter) {
  json made = {{"kind", nameOf(parameter.kind)}, {"name", parameter.name}};
  if (parameter.kind == Parameter::Kind::TensorMap)
    made["box_rows"] = parameter.box_rows, made["box_columns"] = parameter.box_columns;
  return made;
}

} // namespace

json toJson(const Manifest& manifest) {
  json parameters = json::array(), grid = json::array();
  for (const Parameter& parameter : manifest.parameters)
    parameters.push_back(toJson(parameter));
  for (const std::vector<GridTerm>& factors : manifest.grid) {
    json dimension = json::array();
    for (const GridTerm factor : factors)
      dimension.push_back(nameOf(factor));
    grid.push_back(std::move(dimension));
  }
  return {{"name", manifest.name},
          {"parameters", std::move(parameters)},
          {"grid", std::move(grid)},
          {"threads", manifest.threads},
          {"shared_bytes", manifest.shared_bytes},
          {"cluster", manifest.cluster},
          {"persistent", manifest.persistent},
          {"starts_early", manifest.starts_early},
          {"q_tile", manifest.q_tile},
          {"kv_tile", manifest.kv_tile},
          {"stages", manifest.stages},
          {"pack_gqa", manifest.pack_gqa}};
}

} // namespace attune::cli
