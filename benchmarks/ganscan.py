"""GANscan, as far as it could be known, beside the restorers that are told the stage's motion.

    python benchmarks/ganscan.py [--run runs/ganscan]

Frames of the simulated scanner, as recorded and restored. The network is trained first, by the
commands that the page begins with. A minute or two on one core; what was measured is kept in
build/ganscan.json. Writes ganscan.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.common import scanned
from unsmear import metrics
from unsmear.images import Image
from unsmear.restoration import methods
from unsmear.restoration.application import apply_method
from unsmear.tables import narrow_markdown
from unsmear.train.engine import folder as folders

HERE = Path(__file__).parent
SHIPPED = ("wiener", "deep-wiener-lean", "deep-wiener")
KEPT = HERE.parent / "build" / "ganscan.json"
"""What was measured; delete it to measure anew."""
LENGTHS, PHOTONS = (4.0, 10.0), (100.0, 1000.0)
FRAMES = {"nuclei": 5, "microtubules": 2}
PIXEL_SIZE = 0.25
VERDICTS = {
    True: "it learned to restore, though far from the end of such a training",
    False: "on average it does not restore yet; the rows show a network that is not trained enough",
}
Pair = tuple[Image, Image]


@dataclass(frozen=True)
class Row:
    """What a method makes of frames. psnr, ssim: by the stain. seconds: of a frame, processor."""

    method: str
    length: float
    photons: float
    psnr: dict[str, float]
    ssim: dict[str, float]
    nuclei: scanned.Nuclei
    seconds: float


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=HERE.parent / "runs" / "ganscan")
    run = parser.parse_args().run
    ways = {"as recorded": ""} | {name: name for name in SHIPPED} | {"ganscan": str(run / "best")}
    rows = []
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for length, photons, name in product(LENGTHS, PHOTONS, ways):
        key = f"{name} {length:g} {photons:g}"
        if key not in kept:
            kept[key] = asdict(row_of(name, ways[name], length, photons))
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps(kept))
            print(key, flush=True)
        rows.append(Row(**{**kept[key], "nuclei": scanned.Nuclei(**kept[key]["nuclei"])}))
    text = page(rows, run)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def row_of(name: str, method: str, length: float, photons: float) -> Row:
    """Return what a method makes of all frames."""
    pairs: dict[str, list[Pair]] = {}
    seconds = []
    for stain, count in FRAMES.items():
        for index in range(count):
            sharp, frame = scanned.pair(length, photons, stain, index, PIXEL_SIZE)
            began = time.process_time()
            result = restored(method, length, frame)
            seconds.append(time.process_time() - began)
            pairs.setdefault(stain, []).append((sharp, result))
    return Row(
        name,
        length,
        photons,
        {stain: mean(metrics.psnr, own) for stain, own in pairs.items()},
        {stain: mean(metrics.ssim, own) for stain, own in pairs.items()},
        scanned.nuclei(
            [
                (sharp, result if method else scanned.smoothed(result))
                for sharp, result in pairs["nuclei"]
            ]
        ),
        float(np.median(seconds)),
    )


def restored(method: str, length: float, frame: Image) -> Image:
    """Return a frame restored; a method that takes a kernel is given the stage's motion."""
    if not method:
        return frame
    needs = methods.find(method).needs_kernel
    kernel = scanned.blur_of(length).kernel() if needs else None
    return apply_method(frame, method, kernel).image


def mean(metric: partial[float], pairs: Sequence[Pair]) -> float:
    """Return the mean of a metric of what is looked at of the frames."""
    return float(
        np.mean([
            metric(*(scanned.middle(image) for image in pair), data_range=scanned.WHITE)
            for pair in pairs
        ])
    )  # fmt: skip


def page(rows: Sequence[Row], run: Path) -> str:
    """Return the whole page."""
    summary = folders.read_json(run / folders.SUMMARY)
    return TEXT.format(
        steps=summary["step"],
        minutes=summary["processor_seconds"] / 60,
        best=summary["best"],
        blurred=summary["blurred"],
        verdict=VERDICTS[summary["best"] > summary["blurred"]],
        frames=FRAMES["nuclei"],
        fine=FRAMES["microtubules"],
        noise=scanned.READ_NOISE,
        side=scanned.SIDE,
        size=PIXEL_SIZE,
        fits=scanned.FITS,
        smoothing=scanned.SMOOTHING,
        load=os.getloadavg()[0],
        table=table_of(rows),
    )


def table_of(rows: Sequence[Row]) -> str:
    """Return the table of all methods and conditions."""
    head = ["motion, px", "photons", "", "nuclei: PSNR", "SSIM", "found", "F1", "area error",
            "microtubules: PSNR", "SSIM", "ms"]  # fmt: skip
    body = []
    for row in rows:
        nuclei = row.nuclei
        body.append([
            f"{row.length:g}",
            f"{row.photons:g}",
            row.method,
            f"{row.psnr['nuclei']:.2f}",
            f"{row.ssim['nuclei']:.4f}",
            f"{nuclei.found} of {nuclei.sharp}",
            f"{nuclei.f1:.3f}",
            f"{nuclei.area_error:.1%}",
            f"{row.psnr['microtubules']:.2f}",
            f"{row.ssim['microtubules']:.4f}",
            "-" if row.method == "as recorded" else f"{1000 * row.seconds:.0f}",
        ])  # fmt: skip
    return narrow_markdown([head, *body])


TEXT = """# GANscan, as far as it could be known

GANscan (Fanous and Popescu, Light: Science & Applications 11, 265, 2022) restores the frames of a
stage that does not stop by a generative adversarial network. Of the publication only the beginning
could be read here, not what it says of the network. **The network, its losses and its training are
therefore not its own, but those of pix2pix** (Isola et al., CVPR 2017), the usual choice for pairs
of images: `src/unsmear/models/ganscan.py` says what differs. So this page says what such a network
reaches at the scale of two processor cores, not what the authors' network does.

```sh
unsmear synth --scan --output runs/ganscan-nuclei --count 24 --size 512 --overlap 0 \\
    --pixel-size 0.25 --speed 100 --exposure 0.001 --bits 12 --stain nuclei --seed 21
unsmear synth --scan --output runs/ganscan-microtubules --count 24 --size 512 --overlap 0 \\
    --pixel-size 0.25 --speed 100 --exposure 0.001 --bits 12 --stain microtubules --seed 22
unsmear train ganscan --output runs/ganscan --options.channels 1 --options.filters 32 \\
    --options.levels 5 --adversarial.filters 32 --data.size 128 --data.batch 4 \\
    --data.sharp runs/ganscan-nuclei/sharp runs/ganscan-microtubules/sharp \\
    --data.length 2 20 --data.photons 50 2000 --data.read-noise 2 --data.workers 0 \\
    --schedule.name constant --stop.steps {steps} --log.validate-every 250
python benchmarks/ganscan.py
```

The run saw crops of 128 x 128 pixels of one channel, four a step, for {steps} steps, all that
{minutes:.0f} minutes of processor time allowed, by a network of half the filters and of five levels
instead of eight, with motions along the rows of 2 to 20 px, drawn anew for each crop,
half of them with noise. Its best validation reached {best:.1f} dB, the blurred crops
{blurred:.1f} dB: **{verdict}**. The frames
below are of other slides: {frames} of nuclei and {fine} of microtubules, {side} x {side} pixels of
{size:g} µm, read noise of
{noise:g} electrons. The others are given the motion of the stage, which GANscan does not use. Found
are nuclei at an intersection over union of {fits:g} with those of the sharp frames; frames as
recorded are smoothed by a Gaussian of {smoothing:g} px before. The time is one core's for a frame,
load {load:.1f}; [what it costs](cost.md) has multiply-adds and memory.

{table}
## In other tables

[Table V](paper-table-5.md) has a row of it, trained on the paper's pairs
(`recipes/paper/run.py --only ganscan`), and [the restorers' table](restorers.md) one of the network
of this page, `runs/ganscan/best`.
"""

if __name__ == "__main__":
    main()
