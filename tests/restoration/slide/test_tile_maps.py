"""Maps of tiles: those of blocks that cut tiles are those of the whole."""

import numpy as np
import pytest

from unsmear.errors import ImageError
from unsmear.restoration.consistency import INPUT, LEFT, RESTORED
from unsmear.restoration.slide import tile_maps
from unsmear.restoration.slide.survey import blocks
from unsmear.restoration.slide.tile_maps import BlockMaps, touched

SHAPE = (1, 2, 100, 150)


def maps_of(folder, before, after, verdicts, side=(48, 80)):
    """Write the maps of all blocks, and return those of the whole."""
    every = list(blocks(SHAPE, side))
    for block in every:
        place = block.batch, block.channel
        window = *place, block.rows, block.columns
        own = verdicts[*place, touched(block.rows), touched(block.columns)]
        misfit = np.full(own.shape, 2, np.float32)
        BlockMaps.of(block, before[window], after[window], misfit, own).write(folder, block)
    return tile_maps.of_result(folder, every, SHAPE)


def test_blocks_that_cut_tiles_give_the_means_of_whole_tiles(tmp_path):
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 4000, (2, *SHAPE)).astype("u2")
    verdicts = np.zeros((1, 2, 4, 5), np.uint8)
    verdicts[0, 1, 1, 2] = INPUT
    maps = maps_of(tmp_path, before, after, verdicts)
    for found, counts in ((maps.recorded, before), (maps.restored, after)):
        for row in range(4):
            for column in range(5):
                tile = counts[..., row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
                np.testing.assert_allclose(found[..., row, column], tile.mean(axis=(2, 3)))
    assert np.array_equal(maps.verdicts, verdicts)
    assert (maps.misfit == 2).all()
    expected = [image.mean(axis=(0, 2, 3)) for image in (before, after)]
    np.testing.assert_allclose(maps.means, np.transpose(expected))


def test_pixels_without_data_are_no_part_of_a_mean(tmp_path):
    counts = np.full(SHAPE, 7, np.float32)
    counts[0, 0, :40, :40] = np.nan
    maps = maps_of(tmp_path, counts, counts, np.full((1, 2, 4, 5), LEFT, np.uint8))
    assert np.isnan(maps.recorded[0, 0, 0, 0])
    known = ~np.isnan(maps.recorded)
    assert known.sum() == known.size - 1
    assert (maps.recorded[known] == 7).all()
    assert maps.means == ((7, 7), (7, 7))
    assert LEFT > RESTORED


@pytest.mark.parametrize("kept", [None, 0, 40, -40])
def test_the_maps_of_a_block_that_are_missing_or_cut_short_are_named(kept, tmp_path):
    (block, *_) = blocks(SHAPE, (48, 80))
    counts = np.ones((48, 80), "u2")
    BlockMaps.of(block, counts, counts).write(tmp_path, block)
    (file,) = tmp_path.iterdir()
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ImageError, match=r"^0-0-0-0\.npz: the file cannot be read"):
        BlockMaps.read(tmp_path, block)
