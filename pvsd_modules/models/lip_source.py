"""Where the lips come from: one key chooses among all sources."""

import torch
from torch import Tensor, nn

from pvsd_modules.alignment import frame_count
from pvsd_modules.errors import PvsdError
from pvsd_modules.models.protocols import LipModel, LipTeacher

SOURCES = ("student", "teacher", "real", "none", "zeros", "held", "shuffled")


class LipSource(nn.Module):
    """Gives the denoiser its lips.

    ``student``  generated from the noisy signal (the shipped system);
    ``teacher``  drawn from the clean signal (the ceiling of any student);
    ``real``     the frames of the video; where the student generates deviations from a
    neutral mouth, theirs from the clip's median frame, put on that mouth;
    ``none``     no lips, ``None``;
    ``zeros``    black frames;
    ``held``     the student's first frame, held;
    ``shuffled`` the student's lips of another utterance of the batch, or of the other
    half of the utterance where the batch holds only one.

    Arguments
    ---------
    source : str
        One of the names above.
    student : LipModel or None
    teacher : LipTeacher or None
        The networks that the source needs; both are only read.
    face : Tensor or None
        Reference face ``[96, 96, 3]`` for teachers that want one.
    """

    def __init__(
        self,
        source: str,
        student: LipModel | None = None,
        teacher: LipTeacher | None = None,
        face: Tensor | None = None,
    ):
        super().__init__()
        if source not in SOURCES:
            raise PvsdError(f"lips: {source} is unknown: choose {', '.join(SOURCES)}.")
        if source in ("student", "held", "shuffled") and student is None:
            raise PvsdError(f"lips: {source} needs a student: give student_path.")
        if source == "teacher" and teacher is None:
            raise PvsdError("lips: teacher needs a teacher: give teacher_path.")
        self.source = source
        self.student = student
        self.teacher = teacher
        self.register_buffer("face", face, persistent=False)

    @torch.no_grad()
    def forward(
        self, noisy: Tensor, clean: Tensor | None = None, real: Tensor | None = None
    ) -> Tensor | None:
        """Lips of a batch.

        Arguments
        ---------
        noisy, clean : Tensor
            ``[batch, time]``; clean is only read by ``teacher``.
        real : Tensor or None
            ``[batch, frames, 48, 96, 3]``, only read by ``real``.

        Returns
        -------
        Tensor or None
            ``[batch, ceil(time / 640), 48, 96, 3]``, 0..1.
        """
        if self.source == "none":
            return None
        if self.source == "zeros":
            frames = frame_count(noisy.shape[-1])
            return noisy.new_zeros(len(noisy), frames, 48, 96, 3)
        if self.source == "real":
            if real is None:
                raise PvsdError(
                    "lips: real needs manifests of talking faces: run preprocess.py "
                    "and prepare.py on videos."
                )
            return self._like_drawn(real)
        if self.source == "teacher":
            return self.taught(clean)
        lips = self.student(noisy)
        if self.source == "held":
            return lips[:, :1].expand_as(lips)
        if self.source == "shuffled":
            if len(lips) > 1:
                return lips.roll(1, 0)
            return lips.roll(lips.shape[1] // 2, 1)
        return lips

    @torch.no_grad()
    def taught(self, clean: Tensor) -> Tensor:
        """The teacher's lips of clean speech ``[batch, time]``."""
        return self.teacher(clean, self.face)

    def _like_drawn(self, real: Tensor) -> Tensor:
        """Real lips as the student would draw them."""
        neutral = None if self.student is None else self.student.neutral
        if neutral is None:
            return real
        median = real.median(1, keepdim=True).values  # [batch, 1, 48, 96, 3]
        return (real - median + neutral).clamp(0.0, 1.0)
