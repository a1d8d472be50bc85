// Everything a Hopper kernel calls.
#pragma once
#include <attune/tile.cuh>
#include <attune/tile/barrier.cuh>
#include <attune/tile/cluster.cuh>
#include <attune/tile/finite.cuh>
#include <attune/tile/pieces.cuh>
#include <attune/tile/tma.cuh>
#include <attune/tile/transpose.cuh>
#include <attune/tile/warpgroup.cuh>
