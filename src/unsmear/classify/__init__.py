"""Multi-label classification of images: trained classifiers and their preprocessing."""

from unsmear.classify.classifier import TASK, VIEWS, Classifier, load
from unsmear.classify.preprocessing import named, prepare_image

__all__ = ["TASK", "VIEWS", "Classifier", "load", "named", "prepare_image"]
