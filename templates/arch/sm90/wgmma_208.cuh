// m64n208k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(208, 104, 105, 106, 107, 108)
