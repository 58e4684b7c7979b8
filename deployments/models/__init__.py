"""The nouns of experiments: who gets which version, and how each does."""

from deployments.models.experiments import Deployment, Exposure, Variant
from deployments.models.metrics import Metric, MetricDay, MetricRollup

__all__ = ["Deployment", "Exposure", "Metric", "MetricDay", "MetricRollup", "Variant"]
