"""A synthetic audio-visual corpus: what tests and demonstrations run on."""
