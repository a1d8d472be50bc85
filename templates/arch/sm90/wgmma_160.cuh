// m64n160k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(160, 80, 81, 82, 83, 84)
