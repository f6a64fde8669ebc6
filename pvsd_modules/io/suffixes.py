"""Suffixes of sound and video files: the one list of each.

In folders, files of these suffixes are looked for. A file that is named is always
tried, and its content decides what it is.
"""

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .m2ts .mts .flv .wmv .3gp .ogv .mxf "
    ".vob .ogm .f4v .3g2 .asf .nut .dv".split()
)
SOUND_SUFFIXES = frozenset(
    ".wav .flac .mp3 .ogg .oga .opus .aiff .aif .aifc .caf .au .w64 .rf64 .m4a .m4b "
    ".aac .wma .mka .weba .ac3 .eac3 .dts .mp1 .mp2 .mpa .wv .tta .ape .amr .awb .spx "
    ".gsm .snd .voc .nist .sph .ircam .htk .avr .paf .sds .svx .8svx".split()
)
MEDIA_SUFFIXES = SOUND_SUFFIXES | VIDEO_SUFFIXES
