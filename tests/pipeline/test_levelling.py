"""The copy for the transcriber is neither faint nor clipped; what is measured is the original."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline import audio
from tests.recordings import SAMPLE, Samples, decoded, encoded, likeness, speech

TARGET_DB = -23.0


def loudness(samples: Samples) -> float:
    """Mean power of the frames that are not 10 dB below the mean, in dB of full scale."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320).astype(float) / 32768
    power = (frames**2).mean(axis=1)
    loud = power[power > power[power > 1e-6].mean() / 10]
    return float(10 * np.log10(loud.mean()))


def normalised(samples: Samples, tmp_path: Path) -> tuple[audio.Normalised, Samples]:
    source = tmp_path / "in.wav"
    source.write_bytes(encoded("wav float", samples))
    made = audio.normalise(source, tmp_path / "out.ogg", max_seconds=7200)
    return made, decoded(made.path)


@pytest.mark.parametrize("change_db", [-30, -12, 0, 6])
def test_speech_comes_out_equally_loud_and_otherwise_the_same(
    change_db: int, tmp_path: Path
) -> None:
    talk = (speech() * 10 ** (change_db / 20)).clip(-32768, 32767).astype(np.int16)

    _, heard = normalised(talk, tmp_path)

    assert loudness(heard) == pytest.approx(TARGET_DB, abs=1.5)
    assert likeness(heard, speech()) > 0.95


def test_silence_is_measured_on_the_recording_as_it_came(tmp_path: Path) -> None:
    loud, _ = normalised(speech(SAMPLE), tmp_path)
    faint, _ = normalised((speech(SAMPLE) * 0.5).astype(np.int16), tmp_path)

    assert len(loud.silences) == pytest.approx(len(faint.silences), abs=2)
    for silence in loud.silences[:3]:
        assert any(other.start == pytest.approx(silence.start, abs=0.1) for other in faint.silences)


def test_a_shout_is_limited_and_not_clipped(tmp_path: Path) -> None:
    """Faint speech asks for much gain; the one loud second must not be cut flat by it."""
    at = np.arange(16_000) / 16_000
    shout = (np.sin(2 * np.pi * 300 * at) * 30_000).astype(np.int16)
    faint = (speech(SAMPLE) * 0.05).astype(np.int16)

    _, heard = normalised(np.concatenate([faint, shout, faint]), tmp_path)

    assert np.abs(heard.astype(int)).max() < 0.98 * 32767
    around = heard[len(faint) + 4000 : len(faint) + 12_000].astype(float)
    energy = np.abs(np.fft.rfft(around)) ** 2
    at_300 = energy[140:161].sum()
    assert at_300 > 0.98 * energy.sum(), "a clipped tone would have overtones"


def test_silence_is_not_blown_up_into_noise(tmp_path: Path) -> None:
    hiss = np.random.default_rng(1).normal(0, 4, 48_000).astype(np.int16)

    made, heard = normalised(hiss, tmp_path)

    assert made.is_silent
    assert np.abs(heard.astype(int)).max() < 200


def test_a_lull_is_found_in_every_five_seconds_where_nobody_pauses(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 4000, 16_000 * 20)
    dips = (2.0, 8.0, 13.0, 17.5)
    for dip in dips:
        noise[int(dip * 16_000) : int((dip + 0.12) * 16_000)] *= 0.3

    made, _ = normalised(noise.clip(-32768, 32767).astype(np.int16), tmp_path)

    assert made.silences == ()
    assert [lull.at for lull in made.lulls] == [pytest.approx(dip + 0.06, abs=0.04) for dip in dips]
