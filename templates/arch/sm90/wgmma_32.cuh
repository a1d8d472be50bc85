// m64n32k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(32, 16, 17, 18, 19, 20)
