"""Which labels an image has: trained classifiers, and what they are shown."""

from unsmear.classify.classifier import TASK, VIEWS, Classifier, load
from unsmear.classify.preprocessing import named, prepare_image

__all__ = ["TASK", "VIEWS", "Classifier", "load", "named", "prepare_image"]
