"""Word error rate of a speech recogniser that the user names."""

import csv
import json
import re
from pathlib import Path

import torch

from pvsd_modules.checkpoints.find import HPARAMS_FILE
from pvsd_modules.errors import PvsdError

TEXT_KEYS = ("text", "wrd", "words", "transcript", "sentence")


class WordErrors:
    """Compares the words of a recogniser with the words that are said.

    ``source`` is the local folder of a SpeechBrain EncoderDecoderASR or EncoderASR,
    else it is a `PvsdError`.
    """

    def __init__(self, source: str | Path, device: str = "cpu"):
        # Slow to load, and needed by few.
        from speechbrain.inference.ASR import EncoderASR, EncoderDecoderASR

        settings = Path(source) / HPARAMS_FILE
        if not settings.is_file():
            raise PvsdError(
                f"{source} holds no {HPARAMS_FILE}: name the local folder of a "
                "SpeechBrain recogniser."
            )
        has_decoder = "decoding_function" not in settings.read_text(encoding="utf-8")
        interface = EncoderDecoderASR if has_decoder else EncoderASR
        try:
            self.recogniser = interface.from_hparams(
                source=str(source), savedir=str(source), run_opts={"device": device}
            )
        except (ValueError, KeyError, AttributeError, OSError, RuntimeError) as error:
            raise PvsdError(f"{source} is no speech recogniser: {error}") from error

    def __call__(self, signal, item: dict) -> dict[str, float | None]:
        """``wer``, errors in 100 words, and ``words``, the number of words of the
        item's ``text``; None where nothing is known to be said."""
        from speechbrain.utils.edit_distance import wer_details_for_batch

        said = words_of(item.get("text", ""))
        if not said:
            return {"wer": None, "words": None}
        lengths = torch.ones(1)
        recognised = self.recogniser.transcribe_batch(signal[None], lengths)[0][0]
        details = wer_details_for_batch(["item"], [said], [words_of(recognised)])[0]
        return {"wer": details["WER"], "words": float(len(said))}


def words_of(text: str | list) -> list[str]:
    """Words in capitals, without marks other than apostrophes.

    Example
    -------
    >>> words_of("Don't go, John!")
    ["DON'T", 'GO', 'JOHN']
    """
    text = text if isinstance(text, str) else " ".join(text)
    return re.sub(r"[^\w']", " ", text.replace("\u2019", "'")).upper().split()


def add_transcripts(items: dict, path: str | Path) -> dict:
    """The items with what is said in them, as ``text``.

    Arguments
    ---------
    items : dict
        Of a list or of folders.
    path : str or Path
        CSV with columns ``file`` (or ``ID``) and ``text`` (or ``wrd``), or JSON
        ``{name: text}`` or ``{name: {"text": ...}}``. Names are those of the items, or
        of their clean files, with or without folder and suffix.

    Raises
    ------
    PvsdError
        If the file cannot be read or speaks of no item.
    """
    texts = _read(Path(path))
    result = {}
    for name, item in items.items():
        clean = Path(item.get("clean", name))
        keys = (name, Path(name).name, clean.name, clean.stem)
        known = next((texts[key] for key in keys if key in texts), None)
        result[name] = item if known is None else {**item, "text": known}
    if not any("text" in item for item in result.values()):
        raise PvsdError(
            f"{path} holds the words of no recording: it lacks names such as "
            f"{next(iter(items))}."
        )
    return result


def _read(path: Path) -> dict[str, str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            entries = json.loads(content).items()
        else:
            rows = list(csv.DictReader(content.splitlines()))
            entries = [(row.get("file") or row["ID"], row) for row in rows]
        return {name: _text(entry) for name, entry in entries}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise PvsdError(
            f"{path} cannot be read as transcripts ({error}): it is a CSV with columns "
            "file and text, or JSON with a text for each name."
        ) from None


def _text(entry: str | dict) -> str:
    if isinstance(entry, str):
        return entry
    return str(entry[next((key for key in TEXT_KEYS if key in entry), "text")])
