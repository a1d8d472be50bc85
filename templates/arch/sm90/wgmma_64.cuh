// m64n64k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(64, 32, 33, 34, 35, 36)
