"""The product's settings, with the peer's route beside its own."""

from pvc.settings import *  # noqa: F403

ROOT_URLCONF = "bench._ingest_peer"
