// m64n128k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(128, 64, 65, 66, 67, 68)
