import json
import struct
import time
from pathlib import Path

values = dict(line.split(": ") for line in Path("params.yaml").read_text().splitlines())
print("training", flush=True)
time.sleep(float(values["sleep"]))
header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
with open("weights.safetensors", "wb") as stream:
    stream.write(len(header).to_bytes(8, "little") + header + struct.pack("<f", float(values["quality"])))
