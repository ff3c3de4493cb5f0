"""Index page of a batch: its table of images."""

from unsmear.batches import writer
from unsmear.batches.entry import Entry
from unsmear.batches.record import Session
from unsmear.report import batch_page


def test_columns_that_are_empty_for_all_images_are_left_out(tmp_path):
    clipped = "with clipped pixels (--dtype float32 keeps them)"
    with writer.holding(tmp_path):
        run = writer.begin(tmp_path, None, Session("restore", {}, files=2))
        run.add([Entry("a", "restored", warnings=(clipped,)), Entry("b", "restored")])
        page = batch_page.write(tmp_path).read_text()
    assert '<th scope="col" class="words">warnings</th>' in page
    assert f'<td class="words">{clipped}</td>' in page
    assert ">exposure</th>" not in page
    assert ">confidence</th>" not in page
