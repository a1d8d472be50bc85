"""One kernel: compile, run, profile, explain, demo."""

import json
import math
import shutil
import struct
import subprocess
import unittest

import safetensors as st
from harness import Case, spec


class Run(Case):
    def test_compile(self):
        document = self.document("compile", spec())
        kernel = document["kernels"][0]
        keys = "name arch schedule lower_ms nvrtc_ms registers spill_bytes local_bytes shared_bytes cubin_bytes warnings"
        self.assertEqual(set(keys.split()), set(kernel))
        self.assertEqual((kernel["arch"], kernel["spill_bytes"], kernel["warnings"]), ("sm_80", 0, []))
        self.assertGreater(kernel["registers"], 0)
        self.assertGreater(kernel["shared_bytes"], 0)
        self.assertEqual([k["name"] for k in self.document("compile", spec(), "--phase", "decode")["kernels"]],
                         ["attention_partial", "attention_combine"])
        self.assertIn("__global__", self.expect(0, "compile", "-", stdin=spec()).stdout)
        self.expect(4, "compile", spec(), "--arch", "sm_75", says=["'sm_75'", "sm_80 (Ampere) is the oldest"])
        self.expect(4, "compile", spec(), "--arch", "sm_81", says=["did you mean 'sm_80'", "sm_90a"])
        self.expect(3, "compile", spec(dtype="fp61"), says=["did you mean 'fp16'", "bf16, fp16"])

    def test_compile_names_dtypes_as_specs_do(self):
        for dtype in "bf16", "fp16":
            self.assertIn(f"//   {dtype}, head dim 16, ", self.expect(0, "compile", spec(dtype=dtype)).stdout)

    def test_compile_prints_what_compiles_elsewhere(self):
        for phase, kernels in [("prefill", ["attention_forward"]), ("decode", ["attention_partial", "attention_combine"])]:
            for arch in ["sm_80", "sm_90a"]:
                done = self.expect(0, "compile", spec(head_dim=64), "--phase", phase, "--arch", arch, "--self-contained")
                self.assertNotIn("#include", done.stdout)
                for kernel in kernels:
                    self.assertIn(kernel + "(", done.stdout)
                nvcc = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
                if not nvcc:
                    self.skipTest("no nvcc")
                (self.folder / "kernel.cu").write_text(done.stdout)
                compiled = subprocess.run([nvcc, "-std=c++20", f"-arch={arch}", "-Xcompiler=-Wall", "-cubin", "-o", "kernel.cubin", "kernel.cu"],
                                          cwd=self.folder, capture_output=True, text=True)
                self.assertEqual((compiled.returncode, compiled.stderr), (0, ""))
                names = (self.folder / "kernel.cubin").read_bytes()
                for kernel in kernels:
                    self.assertIn(kernel.encode(), names)

    def test_compile_keeps_several_kernels_apart(self):
        printed = self.expect(0, "compile", spec(), "--phase", "decode", says=["--self-contained"]).stdout
        for kernel in ["attention_partial", "attention_combine"]:
            self.assertIn(f"// ======== {kernel}.cu", printed)
        self.expect(0, "compile", spec(), "--phase", "decode", "--out", self.folder / "out")
        self.assertEqual({p.name for p in (self.folder / "out").iterdir()}, {"attention_partial.cu", "attention_combine.cu"})
        self.expect(0, "compile", spec(), "--phase", "decode", "--self-contained", "--out", self.folder / "out")
        for path in (self.folder / "out").iterdir():
            self.assertNotIn("#include", path.read_text())

    def test_compile_dumps(self):
        self.expect(0, "compile", spec(), "--dump", "spec,attn,tile,cuda,ptx,cubin", "--out", self.folder / "dump")
        names = {p.name for p in (self.folder / "dump").iterdir()}
        self.assertLessEqual({"spec.json", "attention_forward.cu", "attention_forward.ptx", "attention_forward.cubin"}, names)
        self.assertTrue(any("attn-classify-blocks" in name for name in names))
        self.assertTrue(any("tile-prettify" in name for name in names))
        self.assertEqual((self.folder / "dump" / "attention_forward.cubin").read_bytes()[:4], b"\x7fELF")

    def test_run_and_verify(self):
        keys = "device kernel schedule splits compile_ms max_abs_error error_bound ok"
        for lengths in [("--q-len", 40, "--kv-len", 72), ("--q-len", 1, "--kv-len", 400, "--splits", 3)]:
            document = self.document("run", spec(), "--device", "emulated", "--verify", *lengths)
            self.assertLessEqual(set(keys.split()), set(document))
            self.assertTrue(document["ok"])
            self.assertLessEqual(document["max_abs_error"], document["error_bound"])
        self.assertEqual(document["splits"], 3)
        small = ["run", spec(), "--device", "emulated", "--q-len", 16, "--kv-len", 16]
        verified = self.expect(0, *small, "--verify").stdout
        self.assertIn("LSE error", verified)
        self.assertRegex(verified, r"(?m)^verify: ok \(max error \S+ of \S+ allowed\)$")
        self.assertNotIn("verify:", self.expect(0, *small).stdout)

    def test_schedules_that_somebody_writes(self):
        optional = ["warp_specialized", "overlap", "ping_pong", "persistent", "cluster"]
        portable = "q_tile=64 kv_tile=64 warps=4 stages=2 pack_gqa=0 split_kv=0"
        for verb in "compile", "run":
            printed = " ".join(self.expect(0, verb, "--help").stdout.split())
            for field in portable.split() + optional + ["0 (cluster 1) where not written", "`attune compile`"]:
                self.assertIn(field, printed)
        self.expect(3, "compile", spec(), "--schedule", "q_tile=128", says=["kv_tile is missing", *optional, "`attune compile` prints"])

        def noted(*arguments):
            done = self.expect(0, *arguments, "--json")
            json.loads(done.stdout)
            return done.stderr.count("note: warp_specialized=0 makes the portable kernel, without wgmma\n")

        hopper = self.expect(0, "compile", spec(head_dim=64), "--arch", "sm_90a").stderr
        default = next(line for line in hopper.splitlines() if line.startswith("schedule: ")).removeprefix("schedule: ")
        self.assertIn("warp_specialized=1", default)
        for schedule, expected in (portable, 1), (default, 0):
            self.assertEqual(noted("compile", spec(head_dim=64), "--arch", "sm_90a", "--schedule", schedule), expected)
            self.assertEqual(noted("run", spec(head_dim=64), "--device", "emulated:sm_90a", "--schedule", schedule), expected)
        self.assertEqual(noted("compile", spec(head_dim=64), "--arch", "sm_90a"), 0)
        self.assertEqual(noted("compile", spec(head_dim=64), "--arch", "sm_90", "--schedule", portable), 0)
        for narrow in {"head_dim": 56}, {"head_dim": 64, "head_dim_v": 56}:  # nothing given away
            self.assertEqual(noted("compile", spec(**narrow), "--arch", "sm_90a", "--schedule", portable), 0)

    def test_files(self):
        # one query that sees two equal keys: O is the mean of their values, LSE is ln 2 + score
        for layout in ["bshd", "bhsd"]:
            q_shape = (1, 1, 2, 16) if layout == "bshd" else (1, 2, 1, 16)
            kv_shape = (1, 2, 1, 16) if layout == "bshd" else (1, 1, 2, 16)
            st.save(self.folder / "in.safetensors", {
                "q": ("BF16", q_shape, st.bf16([1.0] * 32)),
                "k": ("BF16", kv_shape, st.bf16([0.5] * 32)),
                "v": ("BF16", kv_shape, st.bf16([1.0] * 16 + [2.0] * 16)),
            })
            out = self.folder / "out.safetensors"
            self.expect(0, "run", spec(layout=layout), "--inputs", self.folder / "in.safetensors", "--output", out, "--device", "emulated", "--verify")
            tensors = st.load(out)
            self.assertEqual(tensors["o"], ("BF16", list(q_shape), st.bf16([1.5] * 32)))
            dtype, shape, content = tensors["lse"]
            self.assertEqual((dtype, shape), ("F32", [1, 2, 1]))
            for value in struct.unpack("<2f", content):
                self.assertAlmostEqual(value, math.log(2) + 16 * 0.5 / 4, places=5)

    def test_fp8(self):
        fp8 = spec(dtype="fp8_e4m3")
        self.expect(4, "compile", fp8, "--arch", "sm_90", says=["fp8_e4m3", "sm_90a", "wgmma"])
        self.expect(4, "run", fp8, "--device", "emulated:sm_80", says=["fp8_e4m3", "take sm_90a (emulated:sm_90a is a device, too), or bf16 or fp16"])
        for lengths in [("--q-len", 40, "--kv-len", 72), ("--q-len", 1, "--kv-len", 400, "--splits", 3)]:
            document = self.document("run", fp8, "--device", "emulated:sm_90a", "--verify", *lengths)
            self.assertLessEqual(document["max_abs_error"], document["error_bound"])
        # as in test_files, each tensor with a factor
        one, half, two = b"\x38", b"\x30", b"\x40"
        tensors = {
            "q": ("F8_E4M3", (1, 1, 2, 16), one * 32),
            "k": ("F8_E4M3", (1, 2, 1, 16), half * 32),
            "v": ("F8_E4M3", (1, 2, 1, 16), one * 16 + two * 16),
            "q_descale": ("F32", (1, 1), st.f32([2.0])),
            "k_descale": ("F32", (1, 1), st.f32([0.5])),
            "v_descale": ("F32", (1, 1), st.f32([3.0])),
        }
        inputs, out = self.folder / "in.safetensors", self.folder / "out.safetensors"
        st.save(inputs, tensors)
        run = ["run", fp8, "--inputs", inputs, "--output", out, "--device", "emulated:sm_90a", "--verify"]
        self.expect(0, *run)
        result = st.load(out)
        self.assertEqual(result["o"], ("BF16", [1, 1, 2, 16], st.bf16([4.5] * 32)))
        for value in struct.unpack("<2f", result["lse"][2]):
            self.assertAlmostEqual(value, math.log(2) + 16 * (2 * 0.25) / 4, places=5)
        del tensors["k_descale"]
        st.save(inputs, tensors)
        self.expect(3, *run, says=["k_descale"])

    def test_varlen_files(self):
        st.save(self.folder / "in.safetensors", {
            "q": ("BF16", (3, 2, 16), st.bf16([1.0] * 96)),
            "k": ("BF16", (3, 1, 16), st.bf16([1.0] * 48)),
            "v": ("BF16", (3, 1, 16), st.bf16([1.0] * 16 + [2.0] * 16 + [4.0] * 16)),
            "cu_seqlens_q": ("I32", (4,), st.i32([0, 2, 2, 3])),
            "cu_seqlens_k": ("I32", (4,), st.i32([0, 1, 3, 3])),
        })
        out = self.folder / "out.safetensors"
        self.expect(0, "run", spec(varlen=True, causal="none"), "--inputs", self.folder / "in.safetensors", "--output", out, "--device", "emulated", "--verify")
        # two queries on key 0, none on keys 1 and 2, one that sees nothing
        self.assertEqual(st.load(out)["o"], ("BF16", [3, 2, 16], st.bf16([1.0] * 64 + [0.0] * 32)))

    def test_random_inputs_and_files_exclude_each_other(self):
        self.expect(2, "run", spec(), "--inputs", "in.safetensors", "--seed", "4", says=["--seed"])

    def test_profile(self):
        document = self.document("profile", spec(), "--q-len", 64, "--kv-len", 64)
        self.assertGreater(document["counters"]["tensor_flops"], 0)
        self.assertIn("global.read.bytes", self.expect(0, "profile", spec()).stdout)

    def test_explain(self):
        document = self.document("explain", spec(), "--q-len", 512, "--kv-len", 512, "--device", "emulated")
        self.assertGreater(document["tiles"]["empty"], 0)
        self.assertGreater(document["tiles"]["full"], 0)
        self.assertEqual(document["kernels"][0]["spill_bytes"], 0)
        self.assertTrue(document["choice"]["runner_up"]["choice"])
        printed = self.expect(0, "explain", spec(), "--device", "emulated").stdout
        for part in ["chosen", "why", "second", "terms", "registers", "rejected", "attn-classify-blocks: "]:
            self.assertIn(part, printed)
        self.assertNotIn("attn.kernel", printed)  # no IR unless asked for

    def test_fewer_chunks_than_asked_for_are_said(self):
        few = ["--q-len", 1, "--kv-len", 16, "--splits", 3, "--device", "emulated"]
        for verb in "run", "profile", "explain":
            done = self.expect(0, verb, spec(), *few, "--json", says=["--splits 3: 1 chunk, for there is only 1 key tile"])
            self.assertIn("1 chunk", json.loads(done.stdout)["note"])
        schedule = "q_tile=64 kv_tile=16 warps=4 stages=1 pack_gqa=0 split_kv=1"
        done = self.expect(0, "run", spec(), "--q-len", 1, "--kv-len", 64, "--splits", 3, "--schedule", schedule, says=["--splits 3: 2 chunks of 2 key tiles, for there are 4"])
        self.assertNotIn("note", self.document("run", spec(), "--q-len", 1, "--kv-len", 64, "--splits", 2, "--schedule", schedule))
        self.expect(3, "explain", spec(batch_invariant=True), "--splits", 3, says=["batch_invariant"])

    def test_explain_for_a_target_that_is_not_here(self):
        document = self.document("explain", spec(head_dim=64), "--arch", "sm_90a", "--q-len", 512, "--kv-len", 512)
        self.assertIn("H200", document["device"])
        self.assertEqual(document["kernels"][0]["arch"], "sm_90a")
        self.expect(0, "explain", spec(head_dim=64), "--arch", "sm_90a", "--dump", "attn,tile", "--out", self.folder / "ir")
        self.assertTrue(any("attn-classify-blocks" in p.name for p in (self.folder / "ir").iterdir()))
        self.expect(2, "explain", spec(), "--dump", "attn", says=["--out"])
        self.expect(2, "explain", spec(), "--arch", "sm_80", "--device", "emulated", says=["--arch"])

    def test_explain_of_lengths_too_long_to_count(self):
        self.assertIsNone(self.document("explain", spec(), "--q-len", 1 << 17, "--kv-len", 1 << 17)["tiles"])

    def test_demo(self):
        document = self.document("demo", "--device", "emulated")
        self.assertTrue(document["ok"])
        self.assertEqual([run["case"] for run in document["runs"]], ["prefill", "decode"])
        self.assertGreater(document["runs"][1]["splits"], 1)
        self.assertLess(document["seconds"], 60)


if __name__ == "__main__":
    unittest.main()
