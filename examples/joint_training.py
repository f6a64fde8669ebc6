#!/usr/bin/env python3
"""Fine-tune enhancer and listener together: python examples/joint_training.py [STEPS].

The listener is a small network that tells two synthetic speakers apart in noise; an ASR
model takes its place in the same way. Its loss alone trains both, lips excepted.
"""

import sys

import torch
from speechbrain.lobes.features import Fbank

from pvsd_modules.data.mixing import mix_at_snr
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.synthetic.noise import noise_like
from pvsd_modules.synthetic.speech import speech_like

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
torch.manual_seed(0)


class Listener(torch.nn.Module):
    """Mean of two convolutions over a mel spectrogram, then a linear layer."""

    def __init__(self, classes: int = 2):
        super().__init__()
        self.features = Fbank(n_mels=40)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(40, 32, 5), torch.nn.ReLU(), torch.nn.Conv1d(32, 32, 5)
        )
        self.out = torch.nn.Linear(32, classes)

    def forward(self, wav):  # [batch, time] to [batch, classes]
        return self.out(self.layers(self.features(wav).mT / 20).mean(2))


def batch(seed: int):
    """One noisy second of each of two speakers, and who they are."""
    noise = torch.as_tensor(noise_like(1.0, "pink", seed=seed)).float()
    clean = [torch.as_tensor(speech_like(1.0, who, seed)[0]).float() for who in (0, 1)]
    noisy = torch.stack([mix_at_snr(one, noise[: len(one)], 5.0) for one in clean])
    return noisy, torch.tensor([0, 1])


enhancer = PseudoVisualEnhancement.from_hparams("streaming", freeze_params=False)
enhancer.mods["student"].requires_grad_(False)  # the lips stay as they are
listener = Listener()
parameters = [
    {"params": listener.parameters(), "lr": 3e-3},
    {"params": enhancer.mods["denoiser"].parameters(), "lr": 1e-4},
]
optimizer = torch.optim.Adam(parameters)
for step in range(STEPS):
    noisy, speakers = batch(step)
    scores = listener(enhancer.enhance_batch(noisy))
    loss = torch.nn.functional.cross_entropy(scores, speakers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.3f}")
