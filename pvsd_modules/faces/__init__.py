"""Talking faces: detection, tracking, and preprocessing of videos to face crops."""
