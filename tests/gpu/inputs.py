"""The numbers that Attune fills tensors with, by seed and to the bit (runtime/reference/Random.h): for integers of Python and for tensors of PyTorch, on any device."""

PERIOD = 4194301
SCALE = float.fromhex("0x1.bb67aep-16")  # an fp32 number
MASK = 0xFFFFFFFF


def mix(x):
    x = (x ^ x >> 16) * 0x21F0AAAD & MASK
    x = (x ^ x >> 15) * 0x735A2D97 & MASK
    return x ^ x >> 15


def key(seed, name):
    result = mix(mix(seed & MASK) ^ seed >> 32)
    for byte in name.encode():
        result = mix(result + byte & MASK)
    return result


def bits(seed, name, n):
    return mix(mix(n % PERIOD) ^ key(seed, name))


def normal_units(seed, name, n):
    """An integer; times SCALE, rounded to fp32, it is normal(n) of the stream."""
    a = bits(seed, name, n)
    b = mix(a + 0x9E3779B9 & MASK)
    return (a & 0xFFFF) + (a >> 16) + (b & 0xFFFF) + (b >> 16) - 2 * 0xFFFF


def uniform_units(seed, name, n):
    """An integer; times 2^-24 it is uniform(n) of the stream."""
    return bits(seed, name, n) >> 8


def scale_of_q(spec):
    return spec["softcap"] / 4 if spec.get("softcap") else 1.0


def fill(shape, dtype, device, values):
    """values(n) of a tensor of positions n, over and over with the streams' period, in the order of `shape`."""
    import math

    import torch
    count = math.prod(shape)
    period = values(torch.arange(min(count, PERIOD), dtype=torch.int64, device=device)).to(dtype)
    if count <= PERIOD:
        return period.view(shape)
    whole = torch.empty(count, dtype=dtype, device=device)
    for at in range(0, count, PERIOD):
        whole[at:at + PERIOD] = period[: min(PERIOD, count - at)]
    return whole.view(shape)


def tensor(seed, name, shape, dtype, device, scale=1.0):
    """A tensor of PyTorch as reference::randomTensors makes it: nearly normal."""
    return fill(shape, dtype, device, lambda n: normal_units(seed, name, n).float() * SCALE * scale)


def uniform_tensor(seed, name, shape, device, factor):
    """In [0, factor), fp32."""
    import torch
    return fill(shape, torch.float32, device, lambda n: uniform_units(seed, name, n).float() * 2.0**-24 * factor)
