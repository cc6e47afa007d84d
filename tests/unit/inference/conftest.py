"""The inference program is tested with the models that the reading engine is tested with."""

from tests.unit.vision.conftest import model_dir as model_dir
