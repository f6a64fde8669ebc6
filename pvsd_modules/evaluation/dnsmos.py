"""DNSMOS P.835: what listeners would say, without a clean reference."""

from pathlib import Path

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import DNSMOS
from pvsd_modules.metrics.signals import as_array

SEGMENT = round(9.01 * SAMPLE_RATE)  # samples that the network hears at once
# Second-degree polynomials that bring the network's raw values to ratings.
POLYNOMIALS = {
    "dnsmos_sig": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_bak": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_ovr": (-0.06766283, 1.11546468, 0.04602535),
}


class Dnsmos:
    """Reddy, Gopal and Cutler, *DNSMOS P.835*, ICASSP 2022.

    Arguments
    ---------
    path : str or Path
        The published network, sig_bak_ovr.onnx.

    Raises
    ------
    PvsdError
        If onnxruntime is not installed or the file is no such network.
    """

    def __init__(self, path: str | Path):
        try:
            import onnxruntime
        except ImportError:
            raise PvsdError(
                "--dnsmos needs onnxruntime: run pip install onnxruntime."
            ) from None
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
        """The three ratings of a signal.

        Arguments
        ---------
        signal : Tensor or numpy.ndarray
            ``[time]``, 16 kHz. A short one is repeated to 9.01 s; of a long one
            segments are rated that begin 1 s apart.
        item : dict
            Not needed.

        Returns
        -------
        dict
            1..5, means over the segments.
        """
        wav = as_array(signal).astype(np.float32)
        if len(wav) < SEGMENT:
            wav = np.tile(wav, -(-SEGMENT // len(wav)))[:SEGMENT]
        starts = range(0, len(wav) - SEGMENT + 1, SAMPLE_RATE)
        raw = [
            self.session.run(None, {self.input: wav[None, start : start + SEGMENT]})[0]
            for start in starts
        ]
        raw = np.asarray(raw, np.float64).reshape(len(raw), -1)[:, :3]
        return {
            name: float(np.polyval(POLYNOMIALS[name], raw[:, i]).mean())
            for i, name in enumerate(DNSMOS)
        }
