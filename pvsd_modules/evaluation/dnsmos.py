"""DNSMOS P.835: predicted ratings of listeners, without a clean reference."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import DNSMOS
from pvsd_modules.metrics.signals import as_array

PACKAGE = "speechmos"  # carries the published network
SEGMENT = round(9.01 * SAMPLE_RATE)  # samples of one input of the network
# Second-degree polynomials from the raw values of the network to ratings.
POLYNOMIALS = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)


class Dnsmos:
    """Reddy, Gopal and Cutler, *DNSMOS P.835*, ICASSP 2022.

    ``path`` is the published network sig_bak_ovr.onnx, or ``speechmos`` for the one
    that the package of this name carries; a `PvsdError` without onnxruntime or such a
    network.
    """

    def __init__(self, path: str | Path = PACKAGE):
        try:
            import onnxruntime
        except ImportError:
            raise PvsdError(
                "DNSMOS needs onnxruntime: run pip install onnxruntime speechmos."
            ) from None
        if str(path) == PACKAGE:
            path = _packaged()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            self.input = self.session.get_inputs()[0].name
        except Exception as error:  # onnxruntime's own have no common parent
            raise PvsdError(f"{path} is no network of DNSMOS: {error}") from error

    def __call__(self, signal, item: dict) -> dict[str, float]:
        """The three ratings of a signal ``[time]``, 16 kHz: means over its segments,
        1..5.

        As in the published tool a short one is doubled until it has 9.01 s, and of a
        long one segments are rated that begin 1 s apart.
        """
        wav = as_array(signal).astype(np.float32)
        while len(wav) < SEGMENT:
            wav = np.concatenate([wav, wav])
        count = int(len(wav) // SAMPLE_RATE - SEGMENT / SAMPLE_RATE) + 1
        raw = [
            self.session.run(None, {self.input: wav[None, start : start + SEGMENT]})[0]
            for start in range(0, count * SAMPLE_RATE, SAMPLE_RATE)
        ]
        raw = np.asarray(raw, np.float64).reshape(len(raw), -1)
        return {
            name: float(np.polyval(polynomial, raw[:, i]).mean())
            for i, (name, polynomial) in enumerate(
                zip(DNSMOS, POLYNOMIALS, strict=True)
            )
        }


def _packaged() -> Path:
    """The network in the package, which need not be imported for it."""
    spec = find_spec(PACKAGE)
    if spec is None:
        raise PvsdError("DNSMOS needs its network: run pip install speechmos.")
    return Path(spec.origin).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
