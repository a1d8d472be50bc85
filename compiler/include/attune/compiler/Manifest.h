#pragma once

#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

/// One kernel parameter, in the order of the kernel's parameter list. `name` says which value: "q", "sk", "scale", ...
struct Parameter {
  enum class Kind {
    Tensor,    ///< gl<T>: pointer, then batch, row and head strides as 64-bit element counts
    TensorMap, ///< tensor_map<T>: of the tensor that `name` says, in boxes of box_rows x box_columns
    Pointer,   ///< device address
    I32,
    F32,
  };
  Kind kind;
  std::string name;
  int box_rows = 0, box_columns = 0; ///< of a TensorMap
};

/// A factor of a grid dimension; the engine knows its value at launch.
enum class GridTerm { QTiles, Splits, QHeads, KvHeads, Batch, QRowBlocks };

/// What the runtime must know to launch a kernel that it has never seen.
struct Manifest {
  std::string name; ///< symbol of the kernel
  std::vector<Parameter> parameters;
  std::vector<GridTerm> grid[3]; ///< products
  int q_tile = 0;                ///< rows of a QTiles step; rows are queries, or queries x group when pack_gqa
  int kv_tile = 0;
  int stages = 1; ///< of its rings: as many as were asked for, or as fit the target
  bool pack_gqa = false;
  bool persistent = false;   ///< the grid counts pieces of work, which no more blocks than multiprocessors share
  int cluster = 1;           ///< blocks along x that run together: the grid is a multiple of it
  int threads = 0;           ///< per block
  int shared_bytes = 0;      ///< dynamic
  bool starts_early = false; ///< waits for the kernel before it itself: launch with LaunchConfig::overlaps_predecessor
};

} // namespace attune
