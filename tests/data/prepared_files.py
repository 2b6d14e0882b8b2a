"""Small copies of the published training sets, in their layouts."""

import io
import json
import zipfile

import numpy as np
import pyarrow
from PIL import Image
from pyarrow import parquet


def picture(seed, height=40, width=60, mode="RGB", form="PNG"):
    """An encoded picture of a color of its own."""
    color = np.random.default_rng(seed).integers(0, 256, 3, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.tile(color, (height, width, 1))).convert(mode).save(buffer, format=form)
    return buffer.getvalue()


def chart(number):
    lines = (
        "import matplotlib.pyplot as plt",
        f"plt.bar(['a', 'b'], [{number + 1}, 2])",
        f"plt.title('Chart {number}')",
    )
    return "\n".join((*lines, "plt.show()"))


def page(number):
    return f"<!DOCTYPE html><html><body style='background:#def'><h1>Page {number}</h1><p>Some words.</p></body></html>"


def write_chart2code(folder, count=12, broken=(), unpictured=(), as_lines=False):
    """A JSON list (or lines) of conversations with paths into a zip archive, which has a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for number in range(count):
            code = "import matplotlib.pyplot as plt\nplt.bar(unknown)" if number in broken else chart(number)
            answer = f"Here is the program:\n```python\n{code}\n```\nIt uses bars."
            turns = [{"from": "human", "value": "<image>\nRedraw this chart."}, {"from": "gpt", "value": answer}]
            rows.append({"id": f"c{number}", "image": f"pictures/{number}.png", "conversations": turns})
            if number not in unpictured:
                archive.writestr(f"chart2code/pictures/{number}.png", picture(number))
    if as_lines:
        (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        (folder / "data.json").write_text(json.dumps(rows))


def write_parquet(path, rows, group=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=group)


def write_websight(folder, count=10, files=2):
    """`data/train-*.parquet` with columns `image` (bytes and path, as the hub stores pictures) and `text`."""
    for file in range(files):
        numbers = range(file * count, (file + 1) * count)
        rows = [{"image": {"bytes": picture(number), "path": None}, "text": page(number)} for number in numbers]
        write_parquet(folder / "data" / f"train-{file:05d}-of-{files:05d}-abc.parquet", rows)


def write_webcode2m(folder, count=6):
    rows = [
        {
            "image": {"bytes": picture(number, form="JPEG"), "path": f"{number}.jpg"},
            "bbox": "{}",
            "text": page(number),
            "scale": 1.0,
            "lang": "en" if number % 2 else "de",
            "tokens": [10, 20],
            "score": 4,
            "hash": f"h{number}",
        }
        for number in range(count)
    ]
    write_parquet(folder / "data" / "0.parquet", rows)
