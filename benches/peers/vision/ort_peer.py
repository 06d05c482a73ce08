"""ONNX Runtime, inference: the PyTorch network exported once into a temporary folder."""

import os
import pathlib
import tempfile

from serve import parse, serve

args = parse(["default"])
assert args.mode == "infer", "ONNX Runtime trains no networks here"

import onnxruntime
from nets import batch_of

folder = pathlib.Path(tempfile.gettempdir()) / "kobai-peers"
folder.mkdir(exist_ok=True)
path = folder / f"{args.workload}-{args.batch}.onnx"
x, _ = batch_of(args.work, args.batch)
if not path.exists():
    import torch
    from nets import torch_net

    torch.manual_seed(0)
    net = torch_net(args.workload).eval()
    partial = path.with_name(f"{path.stem}.{os.getpid()}.onnx")
    torch.onnx.export(net, (torch.tensor(x),), str(partial), input_names=["x"], output_names=["y"],
                      dynamo=False)
    partial.replace(path)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = args.threads
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
serve({"onnxruntime": onnxruntime.__version__}, lambda: session.run(None, {"x": x}), lambda y: y[0])
