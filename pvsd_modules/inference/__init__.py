"""What a user imports: the pretrained interfaces, and the streams beneath them."""

from pvsd_modules.inference.interfaces import PseudoVisualEnhancement
from pvsd_modules.inference.lip_generation import LipGenerator

__all__ = ["LipGenerator", "PseudoVisualEnhancement"]
