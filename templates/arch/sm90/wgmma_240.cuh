// m64n240k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(240, 120, 121, 122, 123, 124)
