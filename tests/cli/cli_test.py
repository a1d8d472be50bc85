"""The program `attune` from outside: exit codes, what is on stdout, JSON keys, bad input.

usage: cli_test.py PATH_OF_ATTUNE SUITE"""

import html.parser
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import safetensors as st

ATTUNE = sys.argv[1]
SMALL = {"dtype": "bf16", "q_heads": 2, "kv_heads": 1, "head_dim": 16, "causal": "bottom_right"}


def spec(**changes):
    return json.dumps({**SMALL, **changes})


def attune(*arguments, stdin=None, **environment):
    return subprocess.run(
        [ATTUNE, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def expect(self, code, *arguments, says=(), **how):
        done = attune(*arguments, **how)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        for text in says:
            self.assertIn(text, done.stderr)
        return done

    def document(self, *arguments, code=0):
        """stdout is one JSON document and nothing else."""
        return json.loads(self.expect(code, *arguments, "--json").stdout)


class Contract(Case):
    def test_help_and_version(self):
        self.assertIn("Examples:", self.expect(0, "--help").stdout)
        self.assertRegex(self.expect(0, "--version").stdout, r"^attune \d+\.\d+\.\d+\n$")
        listed = self.expect(0, "--help").stdout
        for verb in "compile spec run profile explain tune precompute bench cache presets devices doctor demo".split():
            self.assertIn(verb, listed)
            self.assertIn("--json", self.expect(0, verb, "--help").stdout)

    def test_starts_at_once(self):
        best = min(self.seconds("--version") for _ in range(10))
        self.assertLess(best, 0.020)

    @staticmethod
    def seconds(*arguments):
        start = time.perf_counter()
        attune(*arguments)
        return time.perf_counter() - start

    def test_usage(self):
        self.expect(2)
        self.expect(2, "compil", says=["did you mean 'compile'"])
        self.expect(2, "run", "--no-such-option", says=["--no-such-option"])
        self.expect(2, "run", says=["no spec"])
        self.expect(2, "run", spec(), "--preset", "qwen2.5-7b", says=["give one of them"])
        self.expect(2, "run", spec(), "--q-len", "-4", says=["--q-len"])
        self.expect(2, "compile", spec(), "--dump", "cudda", "--out", self.folder, says=["did you mean 'cuda'"])
        self.expect(2, "compile", spec(), "--dump", "cuda", says=["--out"])
        self.expect(2, "profile", spec(), "--device", "cuda:0", says=["emulated"])

    def test_errors_are_one_document_too(self):
        for code, *arguments in [(2, "compil"), (2, "run"), (4, "run", spec(head_dim=12)), (3, "run", "--preset", "qwen")]:
            document = self.document(*arguments, code=code)
            self.assertFalse(document["ok"])
            self.assertEqual(document["error"]["exit_code"], code)

    def test_presets(self):
        presets = self.document("presets")["presets"]
        self.assertIn("qwen2.5-7b", [preset["name"] for preset in presets])
        printed = json.loads(self.expect(0, "presets", "qwen2.5-7b").stdout)
        self.assertEqual((printed["q_heads"], printed["kv_heads"], printed["head_dim"]), (28, 4, 128))
        self.expect(3, "presets", "qwen2.5-7", says=["qwen2.5-7b"])
        self.assertIn("qwen2.5-7b", self.expect(0, "presets").stdout)

    def test_devices(self):
        devices = self.document("devices")["devices"]
        self.assertIn("emulated", [device["device"] for device in devices])
        for device in devices:
            self.assertLessEqual({"device", "name", "arch", "emulated", "multiprocessors", "shared_per_block"}, device.keys())

    def test_no_such_device(self):
        self.expect(5, "run", spec(), "--device", "cuda:63")
        self.expect(3, "run", spec(), "--device", "tpu", says=["emulated"])

    def test_doctor(self):
        document = self.document("doctor")
        self.assertTrue(document["ok"])
        self.assertEqual(document["checks"][0]["name"], "NVRTC")
        details = {check["name"]: check["detail"] for check in self.document("doctor")["checks"]}
        self.assertRegex(details["kernel on the emulated device"], r"compiled in [1-9]\d+ ms")  # again, not found in the cache
        self.assertIn("cache", details)

    def test_spec(self):
        document = self.document("spec")
        keys = {key["name"]: key for key in document["keys"]}
        self.assertEqual(set(json.loads(self.expect(0, "spec", spec()).stdout)), set(keys))  # what is written is what is explained
        self.assertIn("bottom_right", keys["causal"]["values"])
        self.assertTrue(any("//" in form["form"] for form in document["mask"]))
        self.assertIn("softcap", self.expect(0, "spec").stdout)
        self.assertEqual(json.loads(self.expect(0, "spec", "--preset", "qwen2.5-7b").stdout)["head_dim"], 128)
        self.expect(3, "spec", spec(casual=True), says=["causal"])

    def test_no_color(self):
        self.assertNotIn("\033", self.expect(0, "presets", NO_COLOR="1").stdout)

    def test_interrupted(self):
        process = subprocess.Popen(
            [ATTUNE, "run", spec(head_dim=128), "--q-len", "8000", "--kv-len", "8000", "--device", "emulated"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)


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
        self.expect(4, "compile", spec(), "--arch", "sm_81", says=["did you mean 'sm_80'", "sm_90a"])
        self.expect(3, "compile", spec(dtype="fp61"), says=["did you mean 'fp16'", "bf16, fp16"])

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
                compiled = subprocess.run([nvcc, "-std=c++20", f"-arch={arch}", "-cubin", "-o", "kernel.cubin", "kernel.cu"],
                                          cwd=self.folder, capture_output=True, text=True)
                self.assertEqual(compiled.returncode, 0, compiled.stderr)
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
        self.assertIn("LSE error", self.expect(0, "run", spec(), "--device", "emulated", "--verify", "--q-len", 16, "--kv-len", 16).stdout)

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
        self.expect(4, "run", fp8, "--device", "emulated:sm_80", says=["fp8_e4m3"])
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


class Tuning(Case):
    """tune, precompute and cache, on a cache of their own. No GPU: what is recorded are estimates."""

    ITEMS = ["--batch", "1", "--kv-len", "256,512", "--phase", "decode"]

    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"

    def run_in(self, cache, code, *arguments):
        return self.document(*arguments, code=code, ATTUNE_CACHE_DIR=str(cache))

    def document(self, *arguments, code=0, **how):
        return json.loads(self.expect(code, *arguments, "--json", **{"ATTUNE_CACHE_DIR": str(self.cache), **how}).stdout)

    def precompute(self, *more, code=0, cache=None):
        return self.document("precompute", spec(), "--arch", "sm_90a", *self.ITEMS, *more, code=code, ATTUNE_CACHE_DIR=str(cache or self.cache))

    def test_precompute_without_the_gpu_and_again(self):
        first = self.precompute()
        self.assertEqual((first["total"], first["done"], first["known"], first["ok"]), (2, 2, 0, True))
        for entry in first["entries"]:
            self.assertEqual(entry["effort"], "estimate")
            self.assertIn("not measured", entry["reason"])
            self.assertIn("H200", entry["device_class"])
            self.assertNotIn("us", entry)  # a prediction is not a time
            self.assertGreater(entry["kernels_compiled"], 0)
        again = self.precompute()
        self.assertEqual((again["known"], [e["kernels_compiled"] for e in again["entries"]]), (2, [0, 0]))
        self.assertEqual([e["schedule"] for e in again["entries"]], [e["schedule"] for e in first["entries"]])
        self.assertEqual(self.precompute("--fresh")["known"], 0)

    def test_measure_without_a_clock_says_so(self):
        document = self.precompute("--effort", "measure")
        self.assertIn("no clock", document["not_measured"])
        self.assertEqual({e["effort"] for e in document["entries"]}, {"estimate"})

    def test_dry_run_and_shards(self):
        whole = self.document("precompute", "--preset", "qwen2.5-7b,llama-3-8b", "--batch", "1..8", "--dry-run")
        self.assertEqual(whole["total"], 2 * 2 * 4 * 4)  # presets, phases, batches, lengths
        self.assertFalse(self.cache.exists())
        items = []
        for i in range(3):
            items += [e["item"] for e in self.document("precompute", "--preset", "qwen2.5-7b,llama-3-8b", "--batch", "1..8", "--dry-run", "--shard", f"{i}/3")["entries"]]
        self.assertEqual(sorted(items), sorted(e["item"] for e in whole["entries"]))

    def test_report(self):
        page = self.folder / "out.html"
        self.assertEqual(self.precompute("--report", page)["report"], str(page))
        tags = []

        class Reader(html.parser.HTMLParser):
            def handle_starttag(self, tag, attributes):
                tags.append((tag, dict(attributes)))

        Reader().feed(page.read_text())
        names = [name for name, _ in tags]
        self.assertNotIn("script", names)
        self.assertNotIn("link", names)
        links = [a.get("href", "") + a.get("src", "") for _, a in tags]
        self.assertTrue(all(link == "" or link.startswith("#") for link in links), "nothing is fetched")
        self.assertGreaterEqual(names.count("svg"), 1 + 2 * 2)  # over lengths; of each item tile sizes and chunks
        self.assertIn("Nothing on this page was measured", page.read_text())
        self.expect(3, "precompute", spec(), "--arch", "sm_90a", *self.ITEMS, "--report", "/no/such/folder/out.html", says=["/no/such/folder"])
        self.expect(2, "precompute", spec(), "--dry-run", "--report", page, says=["--report"])

    def test_time_limit(self):
        document = self.document("precompute", spec(), "--arch", "sm_90a", "--kv-len", "64..65536", "--time-limit", "0.01", code=8)
        self.assertLess(document["done"], document["total"])

    def test_interrupt_keeps_what_is_done(self):
        arguments = ["precompute", spec(head_dim=64), "--arch", "sm_80,sm_90a", "--kv-len", "64..65536", "--jobs", "1"]
        process = subprocess.Popen([ATTUNE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "ATTUNE_CACHE_DIR": str(self.cache)})
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, first)
        kept = [e for e in self.document("cache", "list")["entries"] if e["kind"] == "tuning"]
        self.assertGreaterEqual(len(kept), 1)
        self.assertTrue(all(e["complete"] and not e["damaged"] for e in kept))

    def test_export_import_merge_diff(self):
        self.precompute()
        bundle, other = self.folder / "model.attune", self.folder / "other"
        written = self.document("cache", "export", bundle)
        self.assertEqual(written["entries"], len(self.document("cache", "list")["entries"]))
        taken = self.run_in(other, 0, "cache", "import", bundle)
        self.assertEqual((taken["entries"], taken["known"]), (written["entries"], 0))
        self.assertEqual(self.run_in(other, 0, "cache", "import", bundle)["entries"], 0)
        self.assertEqual(self.run_in(other, 0, "cache", "diff", self.cache)["differences"], [])
        self.assertEqual(self.precompute(cache=other)["known"], 2)  # nothing is compiled or chosen again
        merged = self.run_in(self.folder / "third", 0, "cache", "merge", self.cache, other)
        self.assertEqual((merged["taken"], merged["known"]), (written["entries"], written["entries"]))
        self.assertEqual(len(self.run_in(self.folder / "fourth", 0, "cache", "diff", other)["differences"]), 2)
        bundle.write_bytes(bundle.read_bytes()[:-9])
        self.run_in(self.folder / "fifth", 3, "cache", "import", bundle)
        self.expect(3, "cache", "merge", self.folder / "nowhere", says=["there is no such folder"])

    def test_verify_finds_damage_and_prune_removes_it(self):
        self.precompute()
        self.assertTrue(self.document("cache", "verify")["ok"])
        entry = next(e for e in self.document("cache", "list")["entries"] if e["kind"] == "tuning")
        path = pathlib.Path(entry["path"])
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        self.assertEqual(len(self.document("cache", "verify", code=6)["damaged"]), 1)
        again = self.precompute()  # a miss, made anew
        self.assertEqual((again["known"], again["ok"]), (1, True))
        self.assertTrue(self.document("cache", "verify")["ok"])
        self.assertGreater(self.document("cache", "clear")["removed"], 0)
        self.assertEqual(self.document("cache", "list")["entries"], [])

    def test_the_engine_takes_what_is_stored(self):
        shape = ["--batch", "1", "--q-len", "1", "--kv-len", "512", "--device", "emulated"]
        self.document("tune", spec(), "--device", "emulated", *self.ITEMS)
        why = self.document("explain", spec(), *shape)["choice"]
        self.assertEqual(why["by"], "estimate")
        self.assertEqual(self.document("run", spec(), *shape)["schedule"] + f" splits={why['record']['chosen'].split('=')[-1]}", why["record"]["chosen"])

    def test_explain_says_why(self):
        choice = self.document("explain", "--preset", "qwen2.5-7b", "--q-len", "1", "--kv-len", "8192")["choice"]
        self.assertEqual(choice["by"], "default")
        self.assertIn("shared-memory", choice["rejected"])
        self.assertIn(choice["bound"], [t["name"] for t in choice["terms"]])
        self.assertGreater(len(choice["predicted_by_splits"]), 3)
        self.assertGreater(len(choice["ranked"]), 1)

    def test_bad_arguments(self):
        self.expect(2, "tune", says=["no spec"])
        self.expect(2, "tune", spec(), "--kv-len", "8..4", says=["a range goes up"])
        self.expect(2, "tune", spec(), "--kv-len", "many", says=["--kv-len"])
        self.expect(2, "tune", spec(), "--shard", "4/4", says=["0/4 to 3/4"])
        self.expect(2, "tune", spec(), "--phase", "decoding", says=["decode"])
        self.expect(4, "tune", spec(), "--arch", "sm_91", says=["sm_90"])
        self.expect(3, "tune", spec(), "--effort", "mesure", says=["measure"])
        self.expect(2, "cache", "lst", says=["did you mean 'list'"])
        self.expect(2, "cache", "export", says=["a file"])


class Bench(Case):
    """The instrument itself; on a machine without a GPU it must say that it measured none."""

    def bench(self, *arguments, code=0):
        return self.document("bench", "--device", "emulated", "--samples", "1", *arguments, code=code)

    def test_attention_on_the_emulated_device(self):
        csv, page = self.folder / "bench.csv", self.folder / "bench.html"
        document = self.bench("--suite", "prefill", "--only", "qwen2.5-7b 1x8192", "--csv", csv, "--html", page, "--commit", "abc")
        self.assertFalse(document["kernel_speed_measured"])
        self.assertIn("No speed of a kernel was measured", document["note"])
        self.assertEqual(document["commit"], "abc")
        self.assertTrue(document["machine"]["device"]["emulated"])
        self.assertEqual([case["suite"] for case in document["cases"]], ["prefill"])
        for case in document["cases"]:
            self.assertTrue(case["ok"], case)
            self.assertNotIn("time_us", case)
            self.assertNotIn("tflops", case)
        for ceiling in document["ceilings"].values():
            self.assertTrue(ceiling["ok"])
            self.assertNotIn("value", ceiling)
        for text in csv.read_text(), page.read_text(), self.expect(0, "bench", "--device", "emulated", "--suite", "decode", "--only", "qwen2.5-7b 1x1024").stdout:
            self.assertIn("No speed of a kernel was measured", text)

    def test_the_host_is_measured_anywhere(self):
        for suite, only in ("jit", "llama-3.2-1b prefill sm_80"), ("host", "launch without the driver, prefill"), ("emulator", "integers"):
            document = self.bench("--suite", suite, "--only", only)
            self.assertNotIn("note", document)
            for figure in document["figures"]:
                self.assertGreater(figure["value"], 0, figure)
            if suite == "jit":
                first, disk = (next(f for f in document["figures"] if f["name"].endswith(what)) for what in ("nothing cached", "from disk"))
                self.assertEqual(first["unit"], "ms")
                self.assertGreater(first["value"], 5 * disk["value"])

    def test_cases_are_listed_for_others(self):
        cases = self.document("bench", "--suite", "varlen", "--list-cases")["cases"]
        self.assertEqual(len(cases[0]["cu_seqlens_k"]), cases[0]["batch"] + 1)
        self.assertTrue(cases[0]["spec"]["varlen"])

    def test_time_limit(self):
        self.assertFalse(self.bench("--suite", "jit", "--time-limit", "0.001", code=8)["complete"])

    def test_refusals(self):
        self.expect(2, "bench", says=["--suite"])
        self.expect(2, "bench", "--suite", "prefil", says=["did you mean 'prefill'"])
        self.expect(2, "bench", "--suite", "host", "--only", "no such thing", says=["no such thing"])


if __name__ == "__main__":
    unittest.main(argv=["cli_test.py", sys.argv[2]])
