// m64n80k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(80, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60)
