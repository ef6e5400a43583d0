"""Where tests find the real material: ImageNet weights, recorded clips and photographs, too large for the repository.

The folder is ``$DREAMWALL_SHARED``, else ``shared`` beside the checkout. A test that needs what is not there is skipped
and says so loudly; with FAIL_WITHOUT_SHARED=1 it runs and fails instead, so that nothing is left out in silence.
"""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("DREAMWALL_SHARED") or Path(__file__).resolve().parents[2] / "shared")
WEIGHTS = SHARED / "weights" / "inception_v3_2015.safetensors"
CLIPS = SHARED / "clips"
PHOTOS = SHARED / "photos"


def _needs(what: str, path: Path) -> pytest.MarkDecorator:
    absent = not path.exists() and os.environ.get("FAIL_WITHOUT_SHARED") != "1"
    return pytest.mark.skipif(absent, reason=f"NOT TESTED: {what} missing at {path} (set DREAMWALL_SHARED)")


needs_weights = _needs("the ImageNet weights are", WEIGHTS)
needs_clips = _needs("the recorded clips are", CLIPS)
needs_photos = _needs("the photographs are", PHOTOS)
