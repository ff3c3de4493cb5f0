"""The corpus: small sound files of every format, and the commands that read them.

In the words of a command `{in}` is the folder with the files, `{file}` the one that was changed,
`{out}` an output folder. A call that begins with "reads" is a function of `reading.py`.
"""

import contextlib
import io
import json
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.cli import damaged
from tests.data.plates import test_cellvoyager, test_imagexpress, test_incell, test_opera
from tests.images import kinds
from tests.images.ome_zarr import zarrs
from tests.images.tiff import test_ndtiff
from tests.images.vendor import made as vendor
from tests.report.training import test_page

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src/unsmear/weights"
FAST = ("--length", "3", "--angle", "20")
WIENER = ("--method", "wiener", *FAST)
BLUR = ("blur", "{file}", "-o", "{out}", *FAST)
RESTORE = ("restore", "{file}", "-o", "{out}", *WIENER)
DRY = ("restore", "{file}", "-o", "{out}", "--dry-run")
AS_OME = ("blur", "{file}", "-o", "{out}", *FAST, "--as", "ome-tiff")
AS_ZARR = ("blur", "{file}", "-o", "{out}", *FAST, "--as", "ome-zarr")
IMAGE = ((60, ("reads", "image", "{file}")), (14, BLUR), (3, DRY), (2, RESTORE), (1, AS_OME),
         (1, AS_ZARR))  # fmt: skip
TIFF = (*IMAGE, (15, ("reads", "windows", "{file}")))
LONG = ((2, ("estimate", "{file}")), (1, ("explore", "{file}", "-o", "{out}")))
"""Calls that take a second or so."""
FOLDER = ((2, ("blur", "{in}", "-o", "{out}", *FAST)), (3, ("restore", "{in}", "-o", "{out}",
          "--dry-run")), (5, ("reads", "survey", "{in}")))  # fmt: skip
JOBS = b"""cores = 4
memory = "16GB"
walltime = "04:00:00"
jobs = 2
workers = 2
queue = "short"
directives = ["--mail=x"]
before = ["module load x"]
"""
DEFAULTS = b"""[restore]
method = "wiener"
length = [3]
angle = ["20"]
tile = 32
exact = true
[blur]
seed = 3
[weights.get]
[prepare]
length = [3, 4]
"""


@dataclass(frozen=True)
class Sample:
    """Files that belong together, and what reads them.

    files: contents by path. calls: (weight, words). long: calls that take a second. targets: the
    files that are changed, all by default. out: files that lie in the output folder before.
    environment: variables.
    """

    files: dict
    calls: tuple
    long: tuple = ()
    targets: tuple = ()
    out: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    renamed: bool = False


def make():
    """Return all samples by name."""
    with tempfile.TemporaryDirectory() as folder:
        return {**_images(Path(folder)), **_sets(Path(folder)), **_texts(), **_networks()}


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _images(folder):
    """Return single images, among them those of microscopes."""
    files = damaged.whole()
    for path in kinds.write_all(folder / "kinds").values():
        files[path.name] = path.read_bytes()
    deep = damaged.plane(np.uint16)
    files["big.tif"] = damaged.tiff(deep, bigtiff=True)
    files["float.tif"] = damaged.tiff(deep.astype(np.float32), predictor=True, compression="zlib")
    files["motorola.tif"] = damaged.tiff(deep, byteorder=">")
    files["double.npy"] = damaged.npy(deep.astype(np.float64))
    vendor.czi(folder / "a.czi", [vendor.Block(deep, 0, 0), vendor.Block(deep, 0, 30)])
    vendor.lif(folder / "a.lif", {"s": (np.stack([[deep]]), ["DAPI"]), "t": (deep[None, None], [])})
    for name in ("a.czi", "a.lif"):
        files[name] = (folder / name).read_bytes()
    return {
        name: Sample({name: data}, TIFF if ".tif" in name else IMAGE, LONG, renamed=True)
        for name, data in files.items()
    }


def _sets(folder):
    """Return folders and archives of images."""
    sets = {}
    for version in ("0.4", "0.5"):
        zarrs.make(folder / version / "a.zarr", version, shape=(2, 40, 48))
        whole = ("blur", "{in}/a.zarr", "-o", "{out}", *FAST)
        calls = ((2, whole), *((w, ("reads", how, "{in}/a.zarr"))
                               for w, how in ((5, "image"), (2, "windows"))))  # fmt: skip
        sets[f"zarr {version}"] = Sample(_tree(folder / version), calls)
    zarrs.make_plate(folder / "plate" / "p.zarr")
    sets["zarr plate"] = Sample(_tree(folder / "plate"), FOLDER)
    (folder / "oif").mkdir()
    vendor.oif(folder / "oif" / "a.oif", "XYC", "C", np.stack([damaged.plane(np.uint16)] * 2))
    oif = ((5, ("reads", "image", "{in}/a.oif")), (1, ("blur", "{in}", "-o", "{out}", *FAST)))
    sets["oif"] = Sample(_tree(folder / "oif"), oif)
    (folder / "nd").mkdir()
    stack = folder / "nd" / "run_NDTiffStack.tif"
    index = test_ndtiff.write(stack, test_ndtiff.PLACES, test_ndtiff.planes(12))
    stack.with_name("NDTiff.index").write_bytes(index)
    nd = ((5, ("reads", "image", "{in}/run_NDTiffStack.tif")), *FOLDER)
    sets["ndtiff"] = Sample(_tree(folder / "nd"), nd)
    return {**sets, **_plates(), **_archives()}


def _plates():
    tif = damaged.tiff(damaged.plane(np.uint16))
    opera, incell = test_opera.NAME.format(field=1, plane=1, channel=1), test_incell.NAME
    yokogawa = test_cellvoyager.NAME.format(1)
    image = test_incell.IMAGE.format(name=incell, unit='unit="ms"')
    frames = {"Summary": {"Slices": 2}, "FrameKey-2-0-1": {"FileName": "img_000000002_DAPI_001.tif",
              "Channel": "Hoechst", "PixelSizeUm": 0.16, "Exposure-ms": 20.0}}  # fmt: skip
    plates = {
        "opera": {opera: tif, "Index.idx.xml": test_opera.index(test_opera.listed())},
        "metaxpress": {"p_B02_s1_w1.tif": tif, "p.HTD": test_imagexpress.HTD},
        "incell": {incell: tif, "p.xdce": test_incell.XDCE.format(images=image, unit='unit="um"')},
        "cellvoyager": {
            yokogawa: tif,
            "MeasurementData.mlf": test_cellvoyager.data(test_cellvoyager.record()),
            "MeasurementDetail.mrf": test_cellvoyager.DETAIL,
            "s.mes": test_cellvoyager.SETTINGS,
        },
        "micro-manager": {
            "Pos0/img_000000002_DAPI_001.tif": tif,
            "Pos0/metadata.txt": json.dumps(frames),
        },
    }
    return {
        f"plate {name}": Sample(
            _encoded(files), FOLDER, targets=tuple(n for n in files if not n.endswith(".tif"))[:4]
        )
        for name, files in plates.items()
    }


def _encoded(files):
    return {n: data if isinstance(data, bytes) else data.encode() for n, data in files.items()}


def _archives():
    grey = damaged.encode(".png", damaged.plane())
    members = {"a.png": grey, "b/c.tif": damaged.tiff(damaged.plane(np.uint16)),
               "train.csv": b"ID,Label\na,0|16\n"}  # fmt: skip
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    calls = ((2, BLUR), (2, DRY), (5, ("reads", "survey", "{file}")))
    return {"zip": Sample({"a.zip": stream.getvalue()}, calls, renamed=True)}


def _texts():
    """Return lists, tables, kernels, maps and configurations."""
    grey = damaged.encode(".png", damaged.plane())
    image = {"x.png": grey}
    kernel = np.eye(5) / 5
    rows = "\n".join(" ".join(f"{v:g}" for v in row) for row in kernel).encode()
    by_kernel = tuple(
        (weight, (command, "{in}/x.png", "-o", "{out}", "--kernel", "{file}", *more))
        for weight, command, more in ((5, "blur", ()), (1, "restore", ("--method", "wiener")))
    )
    by_kernel += ((4, ("reads", "kernel", "{file}")),)
    kernels = {"k.txt": rows, "k.csv": rows.replace(b" ", b","), "k.npy": damaged.npy(kernel),
               "k.png": damaged.encode(".png", (kernel * 255).astype(np.uint8))}  # fmt: skip
    texts = {
        f"kernel {name}": Sample({**image, name: data}, by_kernel, targets=(name,))
        for name, data in kernels.items()
    }
    offset = damaged.tiff(np.full((24, 30), 3, np.float32))
    for option in ("--offset-map", "--variance-map"):
        call = ("restore", "{in}/x.png", "-o", "{out}", *WIENER, option, "{file}")
        texts[option] = Sample({**image, "m.tif": offset}, ((1, call),), targets=("m.tif",))
    mask = damaged.encode(".png", np.eye(24, 30, dtype=np.uint8))
    call = ("restore", "{in}/x.png", "-o", "{out}", *WIENER, "--no-data", "{file}")
    texts["--no-data"] = Sample({**image, "m.png": mask}, ((1, call),), targets=("m.png",))
    return {**texts, **_lists(grey), **_configurations(grey), **_journals(grey)}


def _lists(grey):
    fields = {f"{i}_{c}.png": grey for i in "fg" for c in ("red", "green", "blue", "yellow")}
    labels = {"train.csv": b"ID,Label\nf,0|16\ng,3\n"}
    prepare = ("prepare", "{in}", "-o", "{out}", "--size", "16")
    lists = {"train.csv": Sample(
        {**fields, **labels}, ((5, (*prepare, "--dry-run")), (1, prepare),
        (5, ("reads", "survey", "{in}"))), ((1, ("explore", "{in}/train.csv", "-o", "{out}")),),
        targets=("train.csv",))}  # fmt: skip
    manifest = b"name,source,split,group,labels,blur,seed,scale,width,height,black,white\n"
    blur = b'"{""family"": ""motion"", ""length"": 3.0, ""angle"": 15.0}"'
    for name in (b"a", b"b"):
        manifest += b"%s.png,%s,train,g1,0|16," % (name, name)
        manifest += b"%s,7,1.0,30,24,0.0,255.0\n" % blur
    pairs = {f"{side}/{name}.png": grey for side in ("sharp", "blur") for name in "ab"}
    score = ("evaluate", "{in}", "-o", "{out}", "--method", "wiener", "--no-grid")
    again = ("recovery", "{in}", "-o", "{out}", "--method", "wiener", "--measure", "intensity")
    calls = ((6, ("reads", "manifest", "{in}")), (3, (*score, "--dry-run")), (2, (*again,
             "--dry-run")))  # fmt: skip
    lists["manifest.csv"] = Sample(
        {**pairs, "manifest.csv": manifest}, calls, ((1, score), (1, again)),
        targets=("manifest.csv",))  # fmt: skip
    return lists


def _configurations(grey):
    run = (ROOT / "tests/formats/run.toml").read_bytes()
    space = (ROOT / "src/unsmear/train/spaces/dcae.toml").read_bytes()
    space += (ROOT / "src/unsmear/train/spaces/default.toml").read_bytes()
    x = "{in}/x.png"
    calls = (
        (3, ("restore", x, "-o", "{out}", "--dry-run")),
        (1, ("prepare", x, "-o", "{out}", "--dry-run")),
        (1, ("blur", x, "-o", "{out}", *FAST)),
    )
    return {
        "unsmear.toml": Sample(
            {"x.png": grey, "unsmear.toml": DEFAULTS},
            calls,
            targets=("unsmear.toml",),
            environment={"UNSMEAR_CONFIG": "{in}/unsmear.toml"},
        ),
        "run.toml": Sample(
            {"run.toml": run},
            (
                (3, ("train", "dcae", "--config", "{file}", "--show")),
                (1, ("search", "dcae", "--config", "{file}", "--dry-run", "-o", "{out}")),
            ),
        ),
        "space.toml": Sample(
            {"space.toml": space},
            ((1, ("search", "dcae", "--space", "{file}", "--dry-run", "-o", "{out}")),),
        ),
        "slurm.toml": Sample({"slurm.toml": JOBS}, ((1, ("reads", "slurm", "{file}")),)),
    }


def _journals(grey):
    """Return what commands leave in their output folders and read again."""
    from unsmear.batches import layout
    from unsmear.cli import main

    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "in")
        given.mkdir()
        for name in "ab":
            (given / f"{name}.png").write_bytes(grey)
        before = sys.argv, sys.stdout
        sys.argv = ["unsmear", "restore", str(given), "-o", f"{folder}/out", *WIENER]
        sys.stdout = io.StringIO()
        with contextlib.suppress(SystemExit):
            main()
        sys.argv, sys.stdout = before
        out = Path(folder, "out")
        # As it lies where there is no place beside the output folder.
        kept = {f"{layout.NAME}/{name}": data for name, data in _tree(layout.record(out)).items()}
        batch = _tree(out) | kept
    record = tuple(kept)
    asked = ((3, ("status", "{in}")), (1, ("status", "{in}", "--json")), (1, ("page", "{in}",
             "-o", "{out}/p.html")), (2, ("restore", "{in}/a.png", "-o", "{in}", *WIENER,
             "--resume", "--dry-run")))  # fmt: skip
    answers = (ROOT / "tests/formats/answers.jsonl").read_bytes()
    run = {"run.toml": test_page.TOML, "log.csv": test_page.LOG,
           "validation.csv": test_page.VALIDATION, "environment.json": '{"data": {"images": 2}}',
           "summary.json": json.dumps(test_page.SUMMARY)}  # fmt: skip
    page = ("page", "{in}", "-o", "{out}/p.md")
    return {
        "run": Sample(_encoded(run), ((1, (*page, "--dry-run")),), ((3, page),)),
        "record of a batch": Sample(batch, asked, targets=record),
        "answers.jsonl": Sample({"answers.jsonl": answers}, ((1, ("reads", "answers", "{file}")),)),
    }


def _networks():
    """Return weights, cards, ONNX files and states of training."""
    import torch

    from unsmear import models
    from unsmear.checkpoints import checkpoint

    grey = damaged.encode(".png", damaged.plane())
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        options = {"channels": 1, "filters": [4, 8]}
        model = models.build("dcae", **options)
        card = {"name": "tiny", "network": "dcae", "options": options}
        checkpoint.save(Path(folder, "w"), model.state_dict(), card)
        tiny = _tree(Path(folder))
        np.savez(Path(folder, "a.npz"), **{n: t.numpy() for n, t in model.state_dict().items()})
        arrays = Path(folder, "a.npz").read_bytes()
        held = _of_libraries(Path(folder), model)
        shutil.copy(SHIPPED / "deep-wiener-lean.json", folder)
    by_torch = ("restore", "{in}/x.png", "-o", "{out}", "--method", "{in}/w", "--runtime", "torch")
    calls = ((3, ("reads", "weights", "{in}/w")), (1, by_torch))
    onnx = {f"w{end}": (SHIPPED / f"deep-wiener-lean{end}").read_bytes()
            for end in (".json", ".safetensors", ".onnx")}  # fmt: skip
    use = ("restore", "{in}/x.png", "-o", "{out}", "--method", "{in}/w", *FAST)
    alone = ("restore", "{in}/x.png", "-o", "{out}", "--method", "{in}/w.onnx", *FAST)
    return {
        **held,
        "card": Sample({**tiny, "x.png": grey}, calls, targets=("w.json",)),
        "safetensors": Sample({**tiny, "x.png": grey}, calls, targets=("w.safetensors",)),
        "npz": Sample({"a.npz": arrays}, ((1, ("reads", "arrays", "{file}", "npz")),)),
        "tensors": Sample({"w.safetensors": tiny["w.safetensors"]},
                          ((1, ("reads", "arrays", "{file}", "safetensors")),)),
        "card of onnx": Sample({**onnx, "x.png": grey}, ((1, ("reads", "weights", "{in}/w")),),
                               ((1, use),), targets=("w.json",)),
        "onnx": Sample({"w.onnx": onnx["w.onnx"], "x.png": grey}, ((1, ("reads", "onnx",
                       "{file}")),), ((1, alone),), targets=("w.onnx",)),
    }  # fmt: skip


def _of_libraries(folder, model):
    """Return weights as PyTorch and Keras keep them, and a state of training."""
    import torch

    from unsmear import models
    from unsmear.train.engine import state

    torch.save(model.state_dict(), folder / "a.pth")
    torch.save(model.state_dict(), folder / "b.pth", _use_new_zipfile_serialization=False)
    kinds = {"a.pth": "pth", "b.pth": "pth"}
    with contextlib.suppress(ImportError):  # an extra is not installed
        import h5py

        with h5py.File(folder / "a.h5", "w") as file:
            for name, tensor in model.state_dict().items():
                file[name.replace(".", "/")] = tensor.numpy()
        kinds["a.h5"] = "h5"
    small = models.build("dcae", channels=1, filters=[4])
    state.save(folder, state.State(), {"network": small},
               {"network": torch.optim.Adam(small.parameters())})  # fmt: skip
    return {
        "state.pt": Sample({"state.pt": (folder / "state.pt").read_bytes()},
                           ((1, ("reads", "state", "{file}")),)),
        **{name: Sample({name: (folder / name).read_bytes()},
                        ((1, ("reads", "arrays", "{file}", kind)),))
           for name, kind in kinds.items()},
    }  # fmt: skip


def write(files, folder):
    """Write files by their paths below a folder."""
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
