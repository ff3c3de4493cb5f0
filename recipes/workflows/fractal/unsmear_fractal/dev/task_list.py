"""Tasks of the package: `fractal-manifest create` writes the manifest from them."""

from fractal_task_tools.task_models import ParallelTask

AUTHORS = "The Unsmear developers"
INPUT_MODELS: list[tuple[str, str, str]] = []
DOCS_LINK = ""
TASK_LIST = [
    ParallelTask(
        name="Restore Motion Blur",
        executable="restore_image.py",
        meta={"cpus_per_task": 1, "mem": 4000},
        input_types={"restored": False},
        output_types={"restored": True},
        category="Image Processing",
        modality="HCS",
        tags=["deblurring", "deconvolution", "motion blur"],
    )
]
