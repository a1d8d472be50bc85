// m64n16k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(16, 8, 9, 10, 11, 12)
