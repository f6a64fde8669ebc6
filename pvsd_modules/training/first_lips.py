"""What a lip student begins with: its teacher's weights, or its teacher's mouth."""

import logging
from pathlib import Path

from torch import nn

from pvsd_modules.checkpoints.weights import put_weights, read_weights

logger = logging.getLogger(__name__)

#: The linear model of the mouth in `OpenLipGenerator`, by the keys of its weights.
MOUTH = "decoder."


def begin_as_teacher(student: nn.Module, path: str | Path) -> None:
    """Gives a student the weights of its teacher.

    On clean speech it then draws the right lips from the first step on; what is left to
    learn is the noise. A student of other sizes, but with as many motions, takes the
    mouth that its teacher draws with, and learns how to move it.

    Arguments
    ---------
    student : nn.Module
        Its parameters and buffers are replaced.
    path : str or Path
        The teacher's weights.

    Raises
    ------
    PvsdError
        If the file cannot be read, or is not a teacher of such a student.
    """
    stored, wanted = read_weights(path), student.state_dict()
    mouth = {key: value for key, value in stored.items() if key.startswith(MOUTH)}
    if mouth and stored.keys() == wanted.keys():
        others = wanted.keys() - mouth.keys()
        if any(stored[key].shape != wanted[key].shape for key in others):
            logger.info(
                "The student has other sizes than its teacher: of %s it takes the "
                "mouth.",
                path,
            )
            stored = {**wanted, **mouth}
    put_weights(student, stored, path, "student that starts as its teacher")
