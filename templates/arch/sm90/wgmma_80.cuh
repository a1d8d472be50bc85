// m64n80k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(80, 40, 41, 42, 43, 44)
