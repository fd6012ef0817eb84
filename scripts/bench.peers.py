"""Encoding speed of bitsweep and of its peers, in turn: each round runs every engine once; medians and ratios are of rounds.

Every engine gets the same texts, cut to 256 tokens, sorted by length and in batches of 32 where it has to pad. Tokens are counted without padding. Quality is
the least cosine to sentence-transformers in float32.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy as np
import onnxruntime
import openvino
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from sentence_transformers import SentenceTransformer, models
from tokenizers import Tokenizer

examples, *out = sys.argv[1:]
count = int(os.environ.get("BITSWEEP_TEXTS", 300))
rounds = int(os.environ.get("BITSWEEP_ROUNDS", 5))
threads = int(os.environ.get("BITSWEEP_THREADS", os.cpu_count()))
folder = os.path.join(os.environ.get("BITSWEEP_TEST_MODELS", "target/test-models"), "all-MiniLM-L6-v2")
corpus = os.path.join(os.environ.get("BITSWEEP_TEST_DATA", "../shared/data"), "scifact", "corpus.jsonl")
work = "target/bench-peers"
subset = f"{work}/texts.jsonl"
with open(corpus, encoding="utf-8") as file, open(subset, "w", encoding="utf-8") as to:
    lines = [line for line, _ in zip(file, range(count))]
    to.writelines(lines)
documents = [json.loads(line) for line in lines]
texts = [f"{document['title']} {document['text']}".strip() for document in documents]

tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(256)


def batches():
    """Token ids and masks, from the longest texts to the shortest, and which texts they are."""
    encoded = tokenizer.encode_batch(texts)
    order = sorted(range(len(texts)), key=lambda text: -len(encoded[text].ids))
    for first in range(0, len(order), 32):
        rows = order[first : first + 32]
        width = max(len(encoded[row].ids) for row in rows)
        ids, mask = (np.zeros((len(rows), width), np.int64) for _ in range(2))
        for at, row in enumerate(rows):
            ids[at, : len(encoded[row].ids)] = encoded[row].ids
            mask[at, : len(encoded[row].ids)] = 1
        yield rows, ids, mask


def pooled(forward):
    """Mean over tokens, normalised, of a network that gives hidden states."""

    def encode():
        vectors = np.zeros((len(texts), 384), np.float32)
        for rows, ids, mask in batches():
            weights = mask[:, :, None].astype(np.float32)
            mean = (forward(ids, mask) * weights).sum(1) / weights.sum(1)
            vectors[rows] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors

    return encode


class Bitsweep:
    """A process that encodes once for each line that it is sent."""

    def __init__(self, precision):
        self.vectors = f"{work}/{precision}.f32"
        self.process = subprocess.Popen(
            [f"{examples}/encode", folder, subset, precision, str(rounds), self.vectors],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAYON_NUM_THREADS": str(threads)},
        )
        self.tokens = json.loads(self.process.stdout.readline())["tokens"]

    def first(self):
        return np.fromfile(self.vectors, "<f4").reshape(len(texts), -1)

    def seconds(self):
        print(file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())["seconds"]


class Peer:
    def __init__(self, encode):
        self.encode = encode

    def first(self):
        return self.encode()

    def seconds(self):
        start = time.perf_counter()
        self.encode()
        return time.perf_counter() - start


torch.set_num_threads(threads)
transformer = models.Transformer(folder, max_seq_length=256)
pooling = models.Pooling(384, "mean")
sentences = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")


def autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return sentences.encode(texts, batch_size=32)


class Hidden(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = models.Transformer(folder, max_seq_length=256, model_args={"attn_implementation": "eager"}).auto_model.eval()

    def forward(self, ids, mask):
        return self.network(input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids)).last_hidden_state


onnx, onnx8 = f"{work}/minilm.onnx", f"{work}/minilm.int8.onnx"
if not os.path.exists(onnx8):
    example = torch.ones(2, 8, dtype=torch.long)
    axes = {name: {0: "texts", 1: "tokens"} for name in ("ids", "mask", "hidden")}
    torch.onnx.export(
        Hidden(), (example, example), onnx, input_names=["ids", "mask"], output_names=["hidden"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    quantize_dynamic(onnx, onnx8, weight_type=QuantType.QInt8)


def onnx_runtime(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options)
    return Peer(pooled(lambda ids, mask: session.run(None, {"ids": ids, "mask": mask})[0]))


def open_vino(precision):
    core = openvino.Core()
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(onnx), "CPU", hints).create_infer_request()
    return Peer(pooled(lambda ids, mask: request.infer({"ids": ids, "mask": mask})[0]))


engines = {
    "bitsweep float32": Bitsweep("float32"),
    "sentence-transformers float32": Peer(lambda: sentences.encode(texts, batch_size=32)),
    "ONNX Runtime float32": onnx_runtime(onnx),
    "OpenVINO float32": open_vino("f32"),
    "bitsweep int8": Bitsweep("int8"),
    "sentence-transformers bfloat16": Peer(autocast),
    "ONNX Runtime int8": onnx_runtime(onnx8),
    "OpenVINO bfloat16": open_vino("bf16"),
}
reference = engines["sentence-transformers float32"].first()
cosines = {name: float((engine.first() * reference).sum(1).min()) for name, engine in engines.items()}
tokens = engines["bitsweep float32"].tokens
times = {name: [] for name in engines}
for _ in range(rounds):
    for name, engine in engines.items():
        times[name].append(engine.seconds())

with open("/proc/cpuinfo", encoding="utf-8") as file:
    cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.processor())
report = {
    "machine": {"cpu": cpu, "threads": threads, "system": platform.platform()},
    "versions": {name: version(name) for name in ("torch", "sentence-transformers", "onnxruntime", "openvino")},
    "texts": len(texts),
    "tokens": tokens,
    "rounds": rounds,
    "engines": [],
}
print(f"{cpu}, {threads} threads; {len(texts)} abstracts, {tokens} tokens, {rounds} rounds in turn")
print(", ".join(f"{name} {number}" for name, number in report["versions"].items()))
print(f"{'engine':32} {'tokens/s':>9} {'least':>8} {'most':>8} {'bitsweep is':>12}  least cosine")
for name in engines:
    own = "bitsweep float32" if name.endswith("float32") else "bitsweep int8"
    rates = [tokens / seconds for seconds in times[name]]
    ratio = statistics.median(peer / ours for peer, ours in zip(times[name], times[own]))
    row = {
        "engine": name,
        "tokens_per_second": statistics.median(rates),
        "least": min(rates),
        "most": max(rates),
        "bitsweep_is_times": ratio,
        "least_cosine": cosines[name],
    }
    report["engines"].append(row)
    print(f"{name:32} {row['tokens_per_second']:9.0f} {row['least']:8.0f} {row['most']:8.0f} {ratio:11.2f}×  {cosines[name]:.6f}")
if out:
    with open(out[0], "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
