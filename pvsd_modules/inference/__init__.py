"""What a user imports: the pretrained interfaces, and the streams beneath them."""

from pvsd_modules.inference.interfaces import LipGenerator, PseudoVisualEnhancement

__all__ = ["LipGenerator", "PseudoVisualEnhancement"]
