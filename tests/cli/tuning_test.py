"""tune, precompute and cache."""

import datetime
import html.parser
import json
import pathlib
import signal
import subprocess
import unittest

from harness import ATTUNE, PINNED, Case, spec


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
            self.assertEqual((entry["device_class"], entry["device"]), ("sm_90a, 132 multiprocessors", "NVIDIA H200"))
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
        q_lens = ["precompute", spec(), "--q-len", "100,200", "--kv-len", "256,512", "--dry-run"]
        self.assertEqual(self.document(*q_lens)["total"], 4)  # numbers of queries are asked for: no decode beside them
        self.assertEqual(self.document(*q_lens, "--phase", "prefill,decode")["total"], 4 + 2)
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
                                   env={**PINNED, "ATTUNE_CACHE_DIR": str(self.cache)})
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
        merged = self.expect(0, "cache", "merge", self.cache, "--json", says=["passed over 1 damaged entry"], ATTUNE_CACHE_DIR=str(self.folder / "other"))
        self.assertEqual(json.loads(merged.stdout)["damaged"], 1)
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

    def test_what_is_made_for_a_target_is_found_on_its_devices(self):
        self.expect(0, "precompute", spec(), "--arch", "sm_80", *self.ITEMS, says=["made for NVIDIA A100; found by every device of sm_80, 108 multiprocessors\n"], ATTUNE_CACHE_DIR=str(self.cache))
        shape = ["--batch", "1", "--q-len", "1", "--kv-len", "512"]
        for device, by in [("emulated:sm_80", "estimate"), ("emulated:sm_86", "default")]:
            self.assertEqual(self.document("explain", spec(), *shape, "--device", device)["choice"]["by"], by)
        self.expect(0, "precompute", spec(), "--arch", "sm_90", *self.ITEMS, says=["engines on Hopper look for sm_90a"], ATTUNE_CACHE_DIR=str(self.cache))

    def test_a_cache_that_takes_nothing_is_no_success(self):
        (self.folder / "file").write_text("not a folder")
        done = self.expect(6, "precompute", spec(), "--arch", "sm_90a", *self.ITEMS, says=["2 of 2 records are lost"], ATTUNE_CACHE_DIR=str(self.folder / "file" / "cache"))
        self.assertIn("estimate", done.stdout)

    def test_import_and_merge_into_a_cache_that_takes_nothing_are_no_success(self):
        self.precompute()
        bundle, file = self.folder / "model.attune", self.folder / "file"
        count = self.document("cache", "export", bundle)["entries"]
        file.write_text("not a folder")
        for arguments in ("import", bundle), ("merge", self.cache):
            done = self.expect(6, "cache", *arguments, "--json", says=[f"{count} of {count} entries are lost"], ATTUNE_CACHE_DIR=str(file / "cache"))
            self.assertEqual(json.loads(done.stdout)["not_kept"], count)
        document = self.run_in(self.folder / "other", 0, "cache", "import", bundle)
        self.assertEqual((document["entries"], document["not_kept"]), (count, 0))

    def test_list_says_what_an_entry_is_for(self):
        self.document("precompute", spec(), "--arch", "sm_90a", "--phase", "decode", "--kv-len", "8192")
        entries = self.document("cache", "list")["entries"]
        for e in entries:
            self.assertIn("bf16, head dim 16, 2 query heads on 1 key/value heads", e["spec"])
            self.assertIn("sm_90a", e["for"])
            self.assertLess(abs(datetime.datetime.fromisoformat(e["last_used"][:-1] + "+00:00") - datetime.datetime.now(datetime.timezone.utc)), datetime.timedelta(hours=2))
        kernels = {e["name"]: e for e in entries if e["kind"] == "kernel"}
        self.assertEqual(set(kernels), {"attention_partial", "attention_combine"})
        self.assertEqual(kernels["attention_partial"]["arch"], "sm_90a")
        self.assertIn("key <= query + sk - sq", kernels["attention_partial"]["spec"])
        self.assertRegex(kernels["attention_partial"]["schedule"], r"^q_tile \d+, kv_tile \d+, \d+ ")
        for e in entries:
            if e["kind"] == "tuning":
                self.assertIn("causal", e["spec"])
                self.assertIn("kv_len=", e["name"])
                self.assertIn("q_tile", e["schedule"])
        printed = self.expect(0, "cache", "list", ATTUNE_CACHE_DIR=str(self.cache)).stdout
        self.assertRegex(printed.splitlines()[0], r"kind .* last used .* spec .* schedule")
        self.assertEqual(printed.count("2 query heads"), len(entries))
        self.expect(3, "cache", "show", "28 query heads", ATTUNE_CACHE_DIR=str(self.cache))
        self.assertEqual({e["name"] for e in self.document("cache", "show", "key <= query")["entries"]}, {"attention_partial"})

    def test_explain_says_why(self):
        choice = self.document("explain", "--preset", "qwen2.5-7b", "--q-len", "1", "--kv-len", "8192")["choice"]
        self.assertEqual(choice["by"], "default")
        self.assertIn("shared-memory", choice["rejected"])
        self.assertIn(choice["bound"], [t["name"] for t in choice["terms"]])
        self.assertGreater(len(choice["predicted_by_splits"]), 3)
        self.assertGreater(len(choice["ranked"]), 1)

    def test_explain_does_not_call_second_what_is_ahead(self):
        ranks = set()
        for head_dim in (64, 128, 192):
            arguments = ["explain", spec(head_dim=head_dim, q_heads=16, kv_heads=16), "--arch", "sm_80", "--q-len", "4096", "--kv-len", "4096"]
            choice = self.document(*arguments)["choice"]
            other = choice["runner_up"]
            self.assertEqual(other["rank"], "best predicted" if other["behind"] < 0 else "second")
            ranks.add(other["rank"])
            printed = self.expect(0, *arguments, ATTUNE_CACHE_DIR=str(self.cache)).stdout
            self.assertRegex(printed, f"  {other['rank']} +q_tile.*" + ("ahead; not compiled" if other["behind"] < 0 else "behind"))
            self.assertRegex(printed, choice["chosen"] + " .* chosen")  # its line among the candidates, wherever it is
        self.assertIn("best predicted", ranks)

    def test_explain_has_one_least_time(self):
        gemma = ["explain", "--preset", "gemma-2-9b:local", "--q-len", "4096", "--kv-len", "4096", "--arch"]
        for arguments in [*gemma, "sm_80"], [*gemma, "sm_90a"], ["explain", "--preset", "qwen2.5-7b", "--q-len", "1", "--kv-len", "8192"]:
            choice = self.document(*arguments)["choice"]
            by_splits = {row["splits"]: row["us"] for row in choice["predicted_by_splits"]}
            least = min(choice["predicted_us"], choice["runner_up"]["predicted_us"], *(row["predicted_us"] for row in choice["ranked"]))
            self.assertGreaterEqual(min(by_splits.values()), least)
            count = int(choice["chosen"].split("splits=")[1]) if "splits=" in choice["chosen"] else 1
            self.assertEqual(by_splits[count], choice["predicted_us"])

    def test_bad_arguments(self):
        self.expect(2, "tune", says=["no spec"])
        self.expect(2, "tune", spec(), "--kv-len", "8..4", says=["a range goes up"])
        self.expect(2, "tune", spec(), "--kv-len", "many", says=["--kv-len"])
        self.expect(2, "tune", spec(), "--shard", "4/4", says=["0/4 to 3/4"])
        self.expect(2, "tune", spec(), "--phase", "decoding", says=["decode"])
        self.expect(4, "tune", spec(), "--arch", "sm_91", says=["sm_90"])
        self.expect(3, "tune", spec(), "--effort", "mesure", says=["measure"])
        self.expect(2, "precompute", spec(), "--phase", "decode", "--q-len", "4", says=["--q-len 4", "--phase prefill"])
        self.expect(2, "cache", "lst", says=["did you mean 'list'"])
        self.expect(2, "cache", "export", says=["a file"])


if __name__ == "__main__":
    unittest.main()
