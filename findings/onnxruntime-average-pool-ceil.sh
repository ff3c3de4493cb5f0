#!/usr/bin/env bash
# onnxruntime: AveragePool of opset 17 with ceil_mode=1 and count_include_pad=1 divided the last row and column
# of an odd side by the whole kernel.
#
# Guess: without padding (pads 0) count_include_pad changes nothing, as in PyTorch, whose exporter
#        writes 1 for the default of AvgPool2d: what lies beyond the image is no padding.
# Seen:  1.28.0 divides the sum of the pixels that are there by all 4 of the kernel where
#        count_include_pad is 1; 1.30.0 divides by those that are there, as both do where it is 0.
# A classifier exported from PyTorch had logits that were 5 % off, without any warning.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.3.5 onnx==1.19.1 protobuf flatbuffers packaging sympy coloredlogs
for version in 1.28.0 1.30.0; do
  "$work/venv/bin/pip" install --quiet --no-deps --target "$work/$version" "onnxruntime==$version"
done
cat > "$work/try.py" <<'PYTHON'
import sys

version, folder = sys.argv[1:]
sys.path.insert(0, f"{folder}/{version}")
import numpy
import onnxruntime
from onnx import TensorProto, helper

assert onnxruntime.__version__ == version
image = numpy.ones((1, 1, 3, 3), "float32")
for counted in (0, 1):
    node = helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0],
        ceil_mode=1, count_include_pad=counted,
    )
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "xy"]
    graph = helper.make_graph([node], "pool", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    print(version, counted, session.run(None, {"x": image})[0].ravel().tolist())
PYTHON
for version in 1.28.0 1.30.0; do
  "$work/venv/bin/python" "$work/try.py" "$version" "$work"
done | tee "$work/seen.txt"
diff "$work/seen.txt" - <<'SEEN'
1.28.0 0 [1.0, 1.0, 1.0, 1.0]
1.28.0 1 [1.0, 0.5, 0.5, 0.25]
1.30.0 0 [1.0, 1.0, 1.0, 1.0]
1.30.0 1 [1.0, 1.0, 1.0, 1.0]
SEEN
