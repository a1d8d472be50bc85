// The main file for mlir-tblgen: the whole dialect.
include "compiler/ir/tile/TileWarpgroup.td"
