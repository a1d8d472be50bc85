// m64n176k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(176, 88, 89, 90, 91, 92)
