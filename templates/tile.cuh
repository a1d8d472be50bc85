// Everything a portable kernel calls.
#pragma once
#include <attune/tile/block.cuh>
#include <attune/tile/combine.cuh>
#include <attune/tile/softmax.cuh>
#include <attune/tile/tiles.cuh>
#include <attune/tile/warp.cuh>
