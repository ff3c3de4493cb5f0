"""Records of batches: what was asked, what became of each image, how far it is.

A batch keeps beside its output folder another, `OUTPUT.unsmear-run/`, which other commands do not
search for images (in it, as `unsmear-run/`, where there is no place beside it: `layout.record`):

    run.toml        the options, weights and versions of each call, a table `[[session]]` a call
    results.jsonl   a line an image as soon as it is done, and one when a call has ended
    at-work/        a small file for each image that a worker is busy with
    lease           touched while the call lives
    page.html       all of it on one page, written at the end
    results.csv     the same as a table, a row an exposure, written at the end

The process that was called writes the first two; its workers write only in `at-work/`. After a kill
at any moment everything can be read, and `--resume` goes on from it.
"""
