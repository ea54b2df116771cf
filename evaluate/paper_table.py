"""Table 1 of the EMO paper, for context only: why its numbers can't be compared with any that are measured here."""

import pandas as pd

SOURCE = "Emote Portrait Alive, arXiv 2402.17485v3, section 4.4, Table 1; HDTF / clips from the internet"
WHY_NOT = (
    "Not comparable with the numbers above, and part of no ranking. These are other clips (HDTF split 90/10 by "
    "identity, and about 1,000 clips of 4 s from the internet, largely singing), at 30 fps, cropped by a margin "
    "that is not stated; the network of F-SIM is unknown, and no number has an interval or a real-vs-real floor. "
    "Fréchet distances move with each of these and with N: printed for one and the same method on HDTF, FID ranges "
    "from 9 to 61 and FVD from 89 to 384 over papers. Real clips reach 7.3 / 2.69 in SyncNet's confidence here, so "
    "more than that is no better speech."
)

_COLUMNS = ("method", "FID ↓", "SyncNet confidence ↑", "F-SIM, %", "FVD ↓", "E-FID ↓")
_ROWS = (
    ("Wav2Lip", "9.38 / 31.70", "5.79 / 4.14", "80.34 / 78.87", "407.93 / 487.00", "0.693 / 0.652"),
    ("SadTalker", "10.31 / 31.37", "4.82 / 2.90", "84.56 / 81.86", "214.98 / 418.19", "0.503 / 0.539"),
    ("DreamTalk", "58.80 / 88.21", "3.43 / 1.29", "67.87 / 56.38", "619.05 / 584.63", "2.257 / 3.548"),
    ("MakeItTalk", "21.73 / 39.86", "2.85 / 1.64", "76.91 / 60.12", "350.96 / 340.55", "1.072 / 0.997"),
    ("real clips (GT)", "–", "7.3 / 2.69", "77.44 / 72.64", "–", "–"),
    ("EMO w/o 250 h", "10.80 / –", "5.02 / –", "79.55 / –", "102.78 / –", "0.215 / –"),
    ("EMO", "8.76 / 17.33", "3.89 / 2.74", "78.96 / 77.16", "67.66 / 192.77", "0.116 / 0.187"),
)


def paper_table() -> pd.DataFrame:
    """A row a method; F-SIM is better the nearer it is to the real clips'."""
    return pd.DataFrame(_ROWS, columns=list(_COLUMNS))
