// m64n256k16
#pragma once
#include <attune/arch/sm90/wgmma.cuh>

ATTUNE_WGMMA(256, 128, 129, 130, 131, 132)
