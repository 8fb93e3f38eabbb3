"""A new head on a pretrained backbone: data, freezing, training, calibration, comparison."""
