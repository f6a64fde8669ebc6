"""How pip installs pvsd.

The core enhances recordings and generates lips: it needs no compiler and no system
library. The extra `train` adds what training and scoring need, of which pesq is
compiled on installation and opencv-python looks for libGL when it is imported.
`live` is for a microphone, `demo` for a page in the browser, `onnx` for `pvsd export`,
`docs` builds the pages of docs/.
"""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "pvsd_modules" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

CORE = [
    # SpeechBrain imports torchaudio, which loads only beside the torch of its own
    # number. A requirement cannot say "equal": pvsd_modules/__init__.py checks it.
    # torchaudio 2.11.1 installs beside torch 2.11 and does not load there.
    "torch>=2.6,<2.12",
    "torchaudio>=2.6,<2.11.1",
    "speechbrain>=1.1.2,<1.2",
    "hyperpyyaml>=1.2.3,<2",
    "numpy>=2,<3",
    "scipy>=1.13,<2",
    "soundfile>=0.13,<1",
    "av>=18,<19",
    "filelock>=3.20.3",
    "tqdm>=4.66.3,<5",
]
EXTRAS = {
    "train": [
        # Later releases of OpenCV have no cascade classifier, and face-alignment alone
        # would bring one of them.
        "opencv-python==4.14.0.94",
        "face-alignment>=1.5,<2",
        "pesq==0.0.4",
        "pystoi>=0.4.1,<0.5",
        "matplotlib>=3.9,<4",
        "jinja2>=3.1.6,<4",
        # DNSMOS: the networks, and what runs them.
        "speechmos>=0.0.1,<1",
        "onnxruntime>=1.20,<2",
    ],
    # SpeechBrain asks importlib_metadata for the version of webdataset.
    "shards": ["webdataset>=0.2.86,<2", "importlib_metadata>=6"],
    "live": ["sounddevice>=0.5,<1"],
    "demo": ["fastapi>=0.121,<1", "starlette>=0.49.1,<2", "uvicorn>=0.34,<1"],
    "onnx": ["onnx>=1.17,<2", "onnxruntime>=1.20,<2"],
    "docs": [
        "mkdocs>=1.6,<2",
        "mkdocstrings[python]>=0.29,<2",
    ],
}
EXTRAS["dev"] = [
    *EXTRAS["train"],
    *EXTRAS["shards"],
    *EXTRAS["onnx"],
    *EXTRAS["demo"],
    *EXTRAS["docs"],
    "httpx>=0.27,<1",
    "selenium>=4.25,<5",
    "pytest>=8.3,<10",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "ruff>=0.12",
    "mypy>=1.15",
    "build>=1.2",
]

# `pvsd convert` fills these in. They lie outside the package, with all other YAMLs.
TEMPLATES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "hparams" / "pretrained").glob("*.yaml")
)


class BuildWithTemplates(build_py):
    """Puts the templates into an installed package; a checkout has them anyway."""

    def run(self):
        """Build, then copy the templates to `pvsd_modules/hparams/pretrained`."""
        super().run()
        if not self.editable_mode:
            for name in TEMPLATES:
                target = Path(self.build_lib, "pvsd_modules", name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target)

    def get_source_files(self):
        """What a source distribution has to carry."""
        return [*super().get_source_files(), *TEMPLATES]


setup(
    name="pvsd",
    version=VERSION,
    description="Pseudo-visual speech denoising: speech enhancement in audio and video "
    "files with generated lip movements, as a SpeechBrain plugin",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="the pvsd authors",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["pvsd_modules", "pvsd_modules.*"]),
    package_data={
        "pvsd_modules": [
            "py.typed",
            *(
                f"pretrained/**/*.{suffix}"
                for suffix in ("yaml", "ckpt", "md", "csv", "json", "png", "txt")
            ),
        ],
        "pvsd_modules.data.manifests": ["*.txt"],
        "pvsd_modules.inference.onnx": ["readme.md"],
        "pvsd_modules.report": ["page.html"],
        "pvsd_modules.demo": ["page/*"],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    cmdclass={"build_py": BuildWithTemplates},
    entry_points={"console_scripts": ["pvsd = pvsd_modules.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
)
