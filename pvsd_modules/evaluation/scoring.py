"""One recording through a system, and its scores before and after."""

from dataclasses import dataclass
from pathlib import Path

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.checkpoints.find import DEFAULT_MODEL, model_name
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.dnsmos import Dnsmos
from pvsd_modules.evaluation.measures import DNSMOS, check_measures, measure
from pvsd_modules.evaluation.reading import Reader, check_signal, fitted
from pvsd_modules.evaluation.recognition import WordErrors
from pvsd_modules.evaluation.statistics import DIGITS
from pvsd_modules.evaluation.systems import Model, enhanced_file
from pvsd_modules.evaluation.table import columns_of
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.io.wav import wav_bytes
from pvsd_modules.metrics import MEASURES

COLUMNS = columns_of(MEASURES)


@dataclass(frozen=True)
class Settings:
    """What a process needs to know to score; it can be sent to another one.

    Arguments
    ---------
    model : str or None
        Pretrained folder, name of a shipped model, or hub id; None: the items name
        ``enhanced`` files.
    lips, engine, device
        See `pvsd_modules.evaluation.systems.Model`.
    store_folder : str or None
        An audio store with decoded files, if there is one.
    measures : tuple of str
        Keys of `pvsd_modules.metrics.MEASURES`.
    noisy : bool
        Whether the noisy input is scored as well.
    save_folder : str or None
        Where the enhanced signals are kept as wav files.
    dnsmos : str or None
        Network of DNSMOS: ``speechmos`` for that of the package, or an ONNX file.
    asr : str or None
        Folder of a SpeechBrain speech recogniser, for the word error rate.
    trust : bool
        Whether the YAML of the model may build anything; needed by ``asr``.
    """

    model: str | None = DEFAULT_MODEL
    lips: str | None = None
    store_folder: str | None = None
    engine: str = "stream"
    device: str = "cpu"
    measures: tuple[str, ...] = tuple(MEASURES)
    noisy: bool = True
    save_folder: str | None = None
    dnsmos: str | None = None
    asr: str | None = None
    trust: bool = False

    def describe(self) -> dict:
        """The system in a summary, without the folders of this machine."""
        if self.model is None:
            return {"system": "enhanced files"}
        return {
            "model": model_name(self.model),
            "lips": self.lips,
            "engine": self.engine,
        }

    @property
    def all_measures(self) -> list[str]:
        """The columns, those of the optional models too."""
        names = list(self.measures)
        names += DNSMOS if self.dnsmos else ()
        return [*names, "wer"] if self.asr else names


class Scorer:
    """Enhances and scores single items of a list.

    Raises
    ------
    PvsdError
        If a model cannot be loaded or lacks what the lips need.
    """

    def __init__(self, settings: Settings):
        check_measures(settings.measures, settings.dnsmos or settings.asr)
        self.settings = settings
        self.reader = Reader(settings.store_folder)
        self.system = enhanced_file
        if settings.model is not None:
            chosen = (settings.model, settings.lips, settings.engine, settings.device)
            self.system = Model(*chosen, trust=settings.trust)
        self.extras = []
        if settings.dnsmos:
            self.extras.append(Dnsmos(settings.dnsmos))
        if settings.asr:
            self.extras.append(WordErrors(settings.asr, settings.device))

    def __call__(
        self,
        name: str,
        item: dict,
        face: dict | None = None,
        noisy_scores: dict | None = None,
    ) -> dict:
        """The row of one item.

        Arguments
        ---------
        name : str
            The item's id.
        item : dict
            A mixture or a pair of a manifest, its roots filled in. Without ``clean``
            only measures without a reference are possible.
        face : dict or None
            The talking-face entry of the clean file, for ``lips: real``.
        noisy_scores : dict or None
            The noisy input's scores where they are known.

        Returns
        -------
        dict
            None for a score that is not defined; ``failure`` is the reason why there
            is none at all.
        """
        row = {"file": name, "snr": item.get("snr")}
        row |= {key: item.get(key) or "" for key in ("category", "speaker", "failure")}
        if row["failure"]:
            return row
        try:
            signals = self.reader.pair(item, face)
            if "other" in item:
                signals["other"] = self.reader.pair(item["other"], check=False)["noisy"]
            clean, noisy = signals["clean"], signals["noisy"]
            samples = len(noisy if clean is None else clean)
            row["seconds"] = round(samples / SAMPLE_RATE, 3)
            enhanced, longer = fitted(self.system(item, signals), samples)
            check_signal(enhanced, "the enhanced signal")
            if self.settings.save_folder:
                save_wav(self.settings.save_folder, name, enhanced)
        except (PvsdError, RuntimeError) as error:  # RuntimeError: of the networks
            return row | {"failure": " ".join(str(error).split())}
        row["adjusted"] = longer or None
        row |= self._scores(clean, enhanced, item)
        if self.settings.noisy and noisy is not None:
            scores = noisy_scores or self._scores(clean, noisy, item)
            row |= {f"noisy_{key}": scores[key] for key in self.settings.all_measures}
        return row

    def _scores(self, clean, signal, item: dict) -> dict:
        scores = measure(clean, signal, self.settings.measures)
        for extra in self.extras:
            scores |= extra(signal, item)
        return {
            name: None if score is None else round(score, DIGITS)
            for name, score in scores.items()
        }


def wav_path(folder: str | Path, name: str) -> Path:
    """The file of an item in a folder."""
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise PvsdError(f"{name} leads out of {folder}: rename the item.")
    return Path(folder, f"{name}.wav")


def save_wav(folder: str | Path, name: str, signal) -> None:
    """Writes ``[time]`` at 16 kHz to ``folder/name.wav`` in floating point.

    So nothing is clipped or rounded, whatever the level.
    """
    with written_whole(wav_path(folder, name)) as temporary:
        temporary.write_bytes(wav_bytes(signal.numpy(), "FLOAT"))
