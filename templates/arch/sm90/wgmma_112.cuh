// m64n112k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(112, 56, 57, 58, 59, 60)
