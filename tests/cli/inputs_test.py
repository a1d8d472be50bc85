"""Bad specs, tensors and files, as `attune run` meets them."""

import unittest

import safetensors as st
from harness import Case, spec


class Inputs(Case):
    """Bad input: exit code 3 or 4 with value, rule and remedy, and no output file."""

    def refuse(self, code, spec_text, tensors=None, says=(), truncate=0, extra=()):
        arguments = ["run", spec_text, "--output", self.folder / "out.safetensors", "--device", "emulated", *extra]
        if tensors is not None:
            path = self.folder / "in.safetensors"
            st.save(path, tensors)
            if truncate:
                path.write_bytes(path.read_bytes()[:-truncate])
            arguments += ["--inputs", path]
        done = self.expect(code, *arguments, says=says)
        self.assertEqual(done.stdout, "")
        self.assertGreaterEqual(done.stderr.count(";"), 1, "value: rule; remedy")
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name != "in.safetensors"], [])

    @staticmethod
    def tensors(batch=1, q=3, k=5, q_heads=2, kv_heads=1, dim=16, dtype="BF16", **more):
        def tensor(*shape):
            size = 1
            for n in shape:
                size *= n
            return dtype, shape, b"\0" * (2 * size)

        return {"q": tensor(batch, q, q_heads, dim), "k": tensor(batch, k, kv_heads, dim), "v": tensor(batch, k, kv_heads, dim), **more}

    def test_specs(self):
        self.refuse(3, spec(casual=True), says=["casual", "causal"])
        self.refuse(4, spec(head_dim=12), says=["12", "multiples of 8"])
        self.refuse(4, spec(head_dim=59), says=["59"])
        self.refuse(4, spec(head_dim=300), says=["300", "256"])
        self.refuse(3, spec(q_heads=28, kv_heads=5), says=["28", "5"])
        self.refuse(3, spec(mask=["k <= q +"], causal="none"), says=["mask"])
        self.refuse(3, "{", says=["JSON"])
        self.refuse(3, "/no/such/spec.json", says=["/no/such/spec.json"])
        self.refuse(3, "/tmp", says=["spec '/tmp': it is a folder; give"])

    def test_windows_that_hold_no_key(self):
        empty = "holds no key"
        for causal, window in [("none", {"left": -3, "right": 2}), ("bottom_right", {"left": -2}), ("top_left", {"left": 4, "right": -5})]:
            self.expect(0, "spec", spec(causal=causal, window=window), says=[empty])
        for causal, window in [("none", {"left": -2, "right": 2}), ("bottom_right", {"left": 0, "right": -0}), ("none", {"left": -2})]:
            self.assertNotIn(empty, self.expect(0, "spec", spec(causal=causal, window=window)).stderr)
        self.assertNotIn(empty, self.expect(0, "spec", spec(window={"left": -2}, prefix=4)).stderr)

    def test_shared_memory_of_the_target(self):
        schedule = "q_tile=256 kv_tile=256 warps=16 stages=2 pack_gqa=0 split_kv=0"
        self.refuse(4, spec(head_dim=256), extra=["--schedule", schedule], says=["shared memory", "bytes"])

    def test_missing_and_mismatched_tensors(self):
        without_v = self.tensors()
        del without_v["v"]
        self.refuse(3, spec(), without_v, says=["v"])
        self.refuse(3, spec(), self.tensors(dim=24), says=["'q'", "16"])
        self.refuse(3, spec(), self.tensors(q_heads=3), says=["'q'"])
        self.refuse(3, spec(), self.tensors(kv_heads=2), says=["'k'"])
        self.refuse(3, spec(), self.tensors(dtype="F16"), says=["F16", "BF16"])
        self.refuse(3, spec(), {**self.tensors(), "k": self.tensors(batch=2)["k"]}, says=["'k'", "batch"])
        self.refuse(3, spec(), {**self.tensors(), "v": self.tensors(k=6)["v"]}, says=["'v'", "length 5"])
        self.refuse(3, spec(sink=True), self.tensors(), says=["sink"])
        self.refuse(3, spec(sink=True), self.tensors(sink=("F32", (3,), st.f32([0, 0, 0]))), says=["'sink'"])
        self.refuse(3, spec(alibi=True), self.tensors(alibi_slopes=("I32", (2,), st.i32([0, 0]))), says=["alibi_slopes"])

    def test_offsets(self):
        flat = {name: (dtype, shape[1:], content) for name, (dtype, shape, content) in self.tensors(q=4, k=6).items()}

        def offsets(q, k):
            return {**flat, "cu_seqlens_q": ("I32", (len(q),), st.i32(q)), "cu_seqlens_k": ("I32", (len(k),), st.i32(k))}

        varlen = spec(varlen=True)
        self.refuse(3, varlen, flat, says=["cu_seqlens_q"])
        self.refuse(3, varlen, offsets([0, 3, 2, 4], [0, 2, 3, 6]), says=["cu_seqlens_q"])  # overlap
        self.refuse(3, varlen, offsets([0, -2, 4], [0, 2, 6]), says=["cu_seqlens_q", "-2"])
        self.refuse(3, varlen, offsets([0, 2, 4], [0, 2, 7]), says=["cu_seqlens_k", "7"])
        self.refuse(3, varlen, offsets([1, 2, 4], [0, 2, 6]), says=["cu_seqlens_q", "1"])
        self.refuse(3, varlen, offsets([0, 2, 4], [0, 6]), says=["cu_seqlens_k"])
        self.refuse(3, varlen, offsets([], []), says=["cu_seqlens_q"])

    def test_damaged_files(self):
        self.refuse(3, spec(), self.tensors(), truncate=1, says=["in.safetensors"])
        self.refuse(3, spec(), self.tensors(), truncate=500, says=["in.safetensors"])
        done = self.expect(3, "run", spec(), "--inputs", self.folder / "none.safetensors", says=["none.safetensors"])
        self.assertEqual(done.stdout, "")

    def test_output_that_cannot_be_written(self):
        self.expect(3, "run", spec(), "--output", "/no/such/folder/out.safetensors", "--device", "emulated", says=["/no/such/folder"])


if __name__ == "__main__":
    unittest.main()
